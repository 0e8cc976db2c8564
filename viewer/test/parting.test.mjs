import { test } from 'node:test'
import assert from 'node:assert/strict'
import { event, src } from './load.mjs'

const { parting, shift } = src.parting

/** A log of events, most of which are told by their ids. */
function log(...events) {
  const l = new src.log.Log()
  for (const e of events.flat()) l.append(typeof e === 'number' ? event(e) : e)
  return l
}
const ids = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

test('where a log parts from what was shown', () => {
  const shown = log(ids(1, 3000))
  for (const [now, at] of [
    [log(ids(1, 3000)), -1],
    [log(ids(1, 4000)), -1],
    [log(ids(-5, 3100)), -1], // more before
    [log(ids(1, 2000)), 2000], // the last are gone
    [log(ids(1, 2000), ids(3001, 3500)), 2000],
    [log(ids(1, 2000), event(2001, 'another'), ids(2002, 3000)), 2000],
    [log(ids(1, 20), ids(22, 3000)), 20], // one is gone
    [log(ids(501, 3000)), 0],
    [log(), 0],
  ]) assert.equal(parting(shown, now), at)
})

test('how much further down lines are', () => {
  const shown = log(ids(1, 3000))
  assert.equal(shift(shown, log(ids(1, 4000))), 0)
  assert.equal(shift(shown, log(ids(-9, 10))), 10)
  assert.equal(shift(shown, log(ids(501, 3000))), -500) // the first are gone
  assert.equal(shift(shown, log(ids(4000, 5000))), NaN)
  assert.equal(shift(log(), log(5)), NaN)
})

test('lines that stand in another order are all there', () => {
  assert.equal(parting(log(1, 2, 5, 4), log(1, 2, 4, 5, 6)), -1)
  assert.equal(parting(log(3, 4, 2, 5), log(1, 2, 3, 4, 5)), -1)
})

test('lines of one event', () => {
  assert.equal(parting(log(event(1, 'a\nb\nc'), 2), log(0, event(1, 'a\nb\nc'), 2)), -1)
  assert.equal(parting(log(event(1, 'a\nb\nc'), 2), log(0, event(1, 'a\nb\nd'), 2)), 1)
  assert.equal(parting(log(), log(1)), -1)
})
