package rig

import (
	"math"
	"strconv"
)

// Number writes three digits, or all those of a large number.
func Number(v float64) string {
	if v == 0 || math.Abs(v) >= 100 {
		text := strconv.FormatFloat(v, 'f', 0, 64)
		for i := len(text) - 3; i > 0; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
		return text
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
