package main

import "fmt"

type versionCmd struct{}

func (*versionCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "metagate", version)
	return err
}
