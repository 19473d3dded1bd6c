// Starting processes that cannot outlive this one, and finding those that have lost their parent.
package main

import (
	"bytes"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

// Pdeathsig fires when the OS thread that forked ends, not when the process does. Go ends threads as it
// likes, so every child is started from one thread that a goroutine holds for ever.
var spawner = sync.OnceValue(func() chan func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

func spawn(start func() error) error {
	result := make(chan error)
	spawner() <- func() { result <- start() }
	return <-result
}

// A signal that is ignored here (SIGHUP under nohup, SIGINT after "&") would be ignored in every container
// too. One that has a handler gets its default action back in a child, so a handler is given to all.
func resetSignals() { signal.Notify(make(chan os.Signal, 1)) }

// processes calls f with the number of every process on the machine.
func processes(f func(pid int)) {
	proc, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			f(pid)
		}
	}
}

func parent(pid int) int {
	stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	// "pid (name) state ppid ..."; the name may hold anything, also brackets and spaces
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(string(fields[1]))
	return ppid
}

// killMarked kills all processes, until there are none, whose environment has a variable that begins like this.
func killMarked(variable string) {
	for found := true; found; {
		found = false
		processes(func(pid int) {
			env, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
			if bytes.Contains(append([]byte{0}, env...), []byte("\x00"+variable)) {
				found = syscall.Kill(pid, syscall.SIGKILL) == nil || found
			}
		})
	}
}
