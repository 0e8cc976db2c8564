// Where two logs of a job part. After a gap the log is read anew, and mostly it
// is what it was up to some line.

import type { Log } from './log.ts'

/** The line of a log at which the first that was shown is gone or another one; -1 if all are still there. */
export function parting(shown: Log, log: Log): number {
  for (let i = 0, at = 0; i < shown.count; i++, at++) {
    if (same(shown, i, log, at)) continue
    const found = log.find(shown.id(i)) // others have come before it
    if (found < 0 || !same(shown, i, log, found)) return placeOf(shown.id(i), log)
    at = found
  }
  return -1
}

const PROBES = 64

/** By how many lines those that were shown are further down in a log; NaN if it seems to have none of them. */
export function shift(shown: Log, log: Log): number {
  for (let i = 0; i < shown.count; i += Math.ceil(shown.count / PROBES)) {
    const at = log.find(shown.id(i))
    if (at >= 0) return at - i
  }
  return NaN
}

function same(shown: Log, i: number, log: Log, at: number): boolean {
  return at < log.count && shown.id(i) === log.id(at) && shown.text(i) === log.text(at)
}

// Rows are read in the order of their ids.
function placeOf(id: bigint, log: Log): number {
  let at = 0
  while (at < log.count && log.id(at) < id) at++
  return at
}
