package cli

import "fmt"

type versionCmd struct{}

func (*versionCmd) Run(s streams, b build) error {
	_, err := fmt.Fprintln(s.out, "metagate", b)
	return err
}
