// What containers write, kept in memory, and its delivery to kubectl logs.
package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

type logLine struct {
	time time.Time
	text []byte
}

// logBuffer holds the lines of one instance of a container. A change closes the channel, for those who follow.
type logBuffer struct {
	mu      sync.Mutex
	lines   []logLine
	ended   bool
	changed chan struct{}
}

func newLogBuffer() *logBuffer { return &logBuffer{changed: make(chan struct{})} }

// add keeps the text, which is whole lines or the unfinished last one.
func (b *logBuffer) add(text []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now().UTC()
	for line := range bytes.Lines(bytes.Clone(text)) {
		b.lines = append(b.lines, logLine{now, line})
	}
	b.notify()
}

func (b *logBuffer) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.notify()
}

func (b *logBuffer) notify() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// from returns the lines since the given one, whether more can come, and the channel that says when.
func (b *logBuffer) from(start int) ([]logLine, bool, chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines[start:], b.ended, b.changed
}

func (b *logBuffer) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines)
}

func (n *node) serveLogs(w http.ResponseWriter, r *http.Request) {
	_, c, err := n.find(r.PathValue("namespace"), r.PathValue("pod"), r.PathValue("container"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	query := r.URL.Query()
	previous := query.Get("previous") == "true"
	c.pod.mu.Lock()
	instance := c.current
	if previous {
		instance = c.previous
		if c.status.State.Waiting != nil { // between two runs the last one is already the previous
			instance = c.current
		}
	}
	c.pod.mu.Unlock()
	if instance == nil {
		what := "container %q in pod %q is waiting to start"
		if previous {
			what = "previous terminated container %q in pod %q not found"
		}
		http.Error(w, fmt.Sprintf(what, c.spec.Name, c.pod.name), http.StatusBadRequest)
		return
	}

	var since time.Time
	if seconds, err := strconv.Atoi(query.Get("sinceSeconds")); err == nil {
		since = time.Now().Add(-time.Duration(seconds) * time.Second)
	} else if t, err := time.Parse(time.RFC3339, query.Get("sinceTime")); err == nil {
		since = t
	}
	next := 0
	if tail, err := strconv.Atoi(query.Get("tailLines")); err == nil {
		next = max(0, instance.log.count()-tail)
	}
	limit, err := strconv.Atoi(query.Get("limitBytes"))
	limited := err == nil
	for {
		lines, ended, changed := instance.log.from(next)
		next += len(lines)
		for _, line := range lines {
			if line.time.Before(since) {
				continue
			}
			text := line.text
			if query.Get("timestamps") == "true" {
				text = append([]byte(line.time.Format(time.RFC3339Nano)+" "), text...)
			}
			if limited {
				text = text[:min(len(text), limit)]
				limit -= len(text)
			}
			w.Write(text)
		}
		w.(http.Flusher).Flush()
		if ended || query.Get("follow") != "true" || limited && limit == 0 {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}
