// Package rig is what the commands that measure have in common: servers that
// run on a core of their own, what they and others compute, and places for
// them to listen.
package rig
