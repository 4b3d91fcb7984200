// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// This file reads Linux's accounts of processes and of the machine.

// ticks is how many of Linux's units of CPU time a second has, on all platforms
// that Go knows.
const ticks = 100

// cpuOf returns the seconds of CPU that a process has used.
func cpuOf(pid int) (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // the name before may hold blanks
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat ends early", pid)
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return float64(user+system) / ticks, nil
}

// memoryOf returns the resident memory of a process and its peak, in MiB.
func memoryOf(pid int) (now, peak float64, err error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kib, _ := strconv.ParseFloat(fields[1], 64)
		switch fields[0] {
		case "VmRSS:":
			now = kib / 1024
		case "VmHWM:":
			peak = kib / 1024
		}
	}
	return now, peak, nil
}

// account is how the machine's CPU time was spent, in seconds.
type account struct {
	used   float64 // by processes
	stolen float64 // by the hypervisor, for other machines
	all    float64
}

func machine() (account, error) {
	content, err := os.ReadFile("/proc/stat")
	if err != nil {
		return account{}, err
	}
	line, _, _ := strings.Cut(string(content), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return account{}, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var a account
	for i, field := range fields[1:9] {
		n, _ := strconv.ParseFloat(field, 64)
		switch i {
		case 0, 1, 2: // user, nice, system
			a.used += n / ticks
		case 7:
			a.stolen = n / ticks
		}
		a.all += n / ticks
	}
	return a, nil
}

// cpuModel returns the name of the processor.
func cpuModel() string {
	content, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
