// Command cluster starts and stops a real Kubernetes cluster on this machine, without a container runtime.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const usage = `usage:
  cluster up DIR     start a cluster in the background; DIR/admin.kubeconfig reaches it
  cluster down DIR   stop it and remove its files from DIR
  cluster run DIR    start a cluster, print "ready", stop it when stdin closes or on SIGTERM or SIGINT
`

func main() {
	if len(os.Args) < 3 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	var err error
	switch command := os.Args[1]; command {
	case "up", "down", "run", superviseCommand:
		var dir string
		if dir, err = filepath.Abs(os.Args[2]); err != nil {
			break
		}
		switch command {
		case "up":
			err = up(dir)
		case "down":
			err = down(dir)
		case "run":
			err = run(dir)
		default:
			err = supervise(dir)
		}
	case "node":
		err = runNode(os.Args[2:])
	default:
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}
