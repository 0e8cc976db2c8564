import { test } from 'node:test'
import assert from 'node:assert/strict'
import { event, src } from './load.mjs'

const { Log } = src.log, { ERROR } = src.event

// What is shown of a log, and the view as far as it is asked.
function shown(log) {
  const view = {
    following: false, rows: { count: 0 }, set: 0,
    get count() { return this.rows.count },
    anchor() { return { line: 0, delta: 0 } },
    setRows(rows) { this.rows = rows, this.set++ },
    relayout(anchor, rows) { this.setRows(rows) },
    update() {}, unfollow() {},
  }
  const s = new src.shown.Shown(log, view)
  s.start()
  return { s, view }
}

const append = (log, n, more) => { for (let i = 0; i < n; i++) log.append(event(log.count, `line ${log.count}`, more)) }

test('new are the rows of new lines, whatever the filter', () => {
  const log = new Log(), { s } = shown(log)
  append(log, 100)
  append(log, 2, { rank: ERROR })
  s.grown(true)
  s.mark()
  assert.equal(s.news, 0)
  append(log, 497)
  append(log, 3, { rank: ERROR })
  s.grown(true)
  assert.equal(s.news, 500)
  s.setFilter(ERROR, -1)
  assert.equal(s.news, 3)
  append(log, 1, { rank: ERROR })
  s.grown(true)
  assert.equal(s.news, 4)
  s.setFilter(0, -1)
  assert.equal(s.news, 501)
  s.mark()
  assert.equal(s.news, 0)
})

test('new lines stay those when what was before comes, and as many when all is anew', () => {
  const log = new Log(), { s } = shown(log)
  append(log, 10)
  s.grown(true)
  s.mark()
  append(log, 5)
  s.grown(true)
  const whole = new Log()
  append(whole, 115)
  s.replaced(whole, 100)
  assert.equal(s.news, 5)
  const anew = new Log()
  append(anew, 3)
  s.replaced(anew, NaN)
  assert.equal(s.news, 3)
})

test('a closed group that goes on stays closed, and its lines cost nothing', () => {
  const log = new Log(), { s, view } = shown(log)
  append(log, 5)
  log.append(event(5, '::group::G'))
  append(log, 1)
  s.grown(true)
  s.toggle(s.groupOf(5))
  assert.equal(view.count, 6)
  const { set } = view
  for (let i = 0; i < 10; i++) {
    append(log, 10)
    s.grown(true)
  }
  assert.deepEqual([view.count, view.set], [6, set])
  log.append(event(200, '::endgroup::'))
  append(log, 1)
  s.grown(true)
  assert.equal(view.count, 7)
})
