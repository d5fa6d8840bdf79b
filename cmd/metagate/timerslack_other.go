//go:build !linux

package main

func raiseTimerSlack() {}
