// Command etcd is etcd, built from its Go module: see `make test-kubernetes`.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
