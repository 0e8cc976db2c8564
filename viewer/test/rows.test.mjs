import { test } from 'node:test'
import assert from 'node:assert/strict'
import { src } from './load.mjs'

// A generator of numbers that are the same each time.
function random(seed) {
  return (n) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * n)
  }
}

test('heights add up, after any changes', () => {
  const next = random(1), heights = new src.heights.Heights(), plain = []
  for (let i = 0; i < 3000; i++) {
    const h = 1 + next(60)
    heights.push(h)
    plain.push(h)
    if (i % 3 === 0) {
      const row = next(plain.length), by = 1 + next(60)
      assert.equal(heights.set(row, by), by - plain[row])
      plain[row] = by
    }
  }
  let sum = 0
  plain.forEach((h, row) => {
    assert.equal(heights.offset(row), sum)
    assert.equal(heights.get(row), h)
    assert.equal(heights.rowAt(sum), row)
    assert.equal(heights.rowAt(sum + h - 0.5), row)
    sum += h
  })
  assert.equal(heights.total, sum)
  assert.equal(heights.rowAt(sum + 1000), 2999)
  heights.cut(2000)
  assert.equal(heights.total, plain.slice(0, 2000).reduce((a, b) => a + b))
  for (const h of plain.slice(2000)) heights.push(h)
  assert.equal(heights.total, sum)
  heights.cut(0)
  heights.push(5)
  assert.deepEqual([heights.total, heights.rowAt(3), heights.rowAt(99)], [5, 0, 0])
})

test('rows are the lines that are not folded away', () => {
  const next = random(2)
  for (let round = 0; round < 80; round++) {
    const hidden = [], shown = []
    for (let line = 0; line < 200;) {
      const length = 1 + next(9)
      if (round && (line || round > 50) && next(2) && hidden.at(-1)?.[1] !== line - 1) hidden.push([line, Math.min(199, line + length - 1)])
      else for (let i = line; i < Math.min(200, line + length); i++) shown.push(i)
      line += length
    }
    const rows = new src.rows.Unfolded({ count: 200 }, hidden)
    assert.equal(rows.count, shown.length)
    shown.forEach((line, row) => assert.equal(rows.lineAt(row), line))
    for (let line = 0; line < 200; line++) assert.equal(rows.rowAt(line), shown.filter((s) => s <= line).length - 1)
  }
})

test('a list finds its lines', () => {
  const list = new src.rows.Listed()
  for (let i = 0; i < 5000; i++) list.push(i * 3)
  assert.equal(list.count, 5000)
  assert.deepEqual([list.rowAt(0), list.rowAt(14), list.rowAt(15), list.after(15), list.after(99999)], [0, 4, 5, 6, 5000])
  const begun = new src.rows.Listed()
  begun.push(10)
  assert.deepEqual([begun.rowAt(9), begun.rowAt(10), begun.rowAt(99), begun.has(9)], [-1, 0, 0, false])
  assert.deepEqual([list.has(15), list.has(16), new src.rows.Listed().has(0)], [true, false, false])
})

test('the rows beside a line that is not shown are those around it', () => {
  const list = new src.rows.Listed()
  for (const line of [11, 61, 111]) list.push(line)
  const folded = new src.rows.Unfolded({ count: 8 }, [[0, 1], [4, 5]])
  const steps = (rows, line) => [-1, 1].map((by) => rows.lineAt(src.rows.beside(rows, line, by)))
  assert.deepEqual([5, 11, 40, 61, 111, 200].map((line) => steps(list, line)), [[11, 11], [11, 61], [11, 61], [11, 111], [61, 111], [111, 111]])
  assert.deepEqual([0, 2, 5, 7].map((line) => steps(folded, line)), [[2, 2], [2, 3], [3, 6], [6, 7]])
})

test('the rows of a part that is folded away and goes on', () => {
  const log = { count: 10 }, rows = new src.rows.Unfolded(log, [[2, 3], [8, Infinity]])
  assert.equal(rows.count, 6)
  log.count = 1000
  assert.equal(rows.count, 6)
  assert.deepEqual([rows.lineAt(5), rows.rowAt(7), rows.rowAt(8), rows.rowAt(999)], [7, 5, 5, 5])
  log.count = 7
  assert.equal(rows.count, 5)
})

test('how far rows are the same', () => {
  const log = { count: 100 }, of = (...hidden) => new src.rows.Unfolded(log, hidden), list = new src.rows.Listed()
  assert.equal(of([3, 5], [9, 12]).common(of([3, 5], [9, 12])), Infinity)
  assert.equal(of([3, 5], [9, 12]).common(of([3, 5], [9, 13])), 6)
  assert.equal(of([3, 5], [20, Infinity]).common(of([3, 5])), 17)
  assert.equal(of([3, 5], [20, Infinity]).common(of([3, 5], [20, Infinity])), Infinity)
  assert.equal(of().common(of([0, 5])), 0)
  assert.equal(of().common(new src.rows.Unfolded({ count: 100 }, [])), 0)
  assert.equal(of().common(list), 0)
  assert.deepEqual([list.common(list), list.common(of())], [Infinity, 0])
})
