package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// mallocs is how many objects the server has allocated so far.
func (s *server) mallocs(ctx context.Context) float64 {
	return s.metric(ctx, "go_memstats_mallocs_total")
}

// metric is the value of one without labels; 0 where there is none.
func (s *server) metric(ctx context.Context, name string) float64 {
	body, _ := s.get(ctx, "/metrics")
	for line := range strings.Lines(body) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(v), 64)
			return n
		}
	}
	return 0
}

// peakMiB is the most memory the process has had resident, residentMiB what it
// has now; 0 where /proc isn't.
func (s *server) peakMiB() float64     { return s.memory("VmHWM") }
func (s *server) residentMiB() float64 { return s.memory("VmRSS") }

func (s *server) memory(name string) float64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib float64
		if _, err := fmt.Sscanf(lines.Text(), name+": %f kB", &kib); err == nil {
			return kib / 1024
		}
	}
	return 0
}

// cpu is the processor time that the process has used so far, in user and in
// system mode; 0 where /proc isn't.
func (s *server) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // a name may hold anything
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, the 14th and 15th of proc(5)
		n, _ := strconv.ParseInt(field, 10, 64)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}

const ticksPerSecond = 100 // USER_HZ, whatever the kernel's own clock
