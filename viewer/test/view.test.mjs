import { test } from 'node:test'
import assert from 'node:assert/strict'
import { element, page, scroller } from './dom.mjs'
import { event, src } from './load.mjs'

const { Listed, Unfolded } = src.rows

// A view of a log of so many lines, all wrapped. Lines are thought to be one
// row high; each fifth is two.
function view(lines, { wrap = true } = {}) {
  page.observers.length = 0
  const { port, canvas } = scroller(400), log = { count: lines }
  const v = { log, port, canvas, estimated: 0, measured: 0 }
  const slab = element('div')
  v.view = new src.view.View(port, canvas, slab, new Listed(), {
    draw(row, line) { row.element.offsetHeight = line % 5 ? 20 : 40, row.element.line = line },
    estimate() { return v.estimated++, 20 },
    measure() { v.measured++ },
  }, { followed() {}, rendered() {} })
  v.view.wrap = wrap
  v.top = () => slab.childNodes.map((r) => r.line)
  v.view.setRows(new Unfolded(log, []), null)
  page.resized()
  v.estimated = 0
  return v
}

test('a window that is another height leaves the heights of lines alone', () => {
  const v = view(10_000)
  v.port.clientHeight = 300
  page.resized()
  page.frame()
  assert.equal(v.estimated, 0)
  v.port.clientWidth = 500
  page.resized()
  assert.equal(v.estimated, 10_000)
})

test('a group that closes at the end costs what is after its beginning', () => {
  const v = view(10_000)
  v.view.unfollow()
  v.view.setRows(new Unfolded(v.log, [[9000, 9499]]), v.view.anchor())
  assert.ok(v.estimated <= 500)
  v.estimated = 0
  v.log.count += 10
  v.view.update()
  page.frame()
  assert.equal(v.estimated, 10)
  v.view.setRows(new Unfolded(v.log, [[9000, 9499], [10_005, Infinity]]), v.view.anchor())
  assert.equal(v.estimated, 10)
})

test('a group that goes on is folded, and the lines are laid out anew', () => {
  const v = view(100)
  for (let i = 0; i < 2; i++) v.view.setRows(new Unfolded(v.log, [[10, Infinity]]), v.view.anchor())
  page.frame()
  assert.equal(parseFloat(v.canvas.style.height), 8 * 20 + 2 * 40)
})

test('what was measured is known when the rows change and change back', () => {
  const v = view(1000), all = new Unfolded(v.log, [])
  v.view.top()
  page.frame()
  const height = () => parseFloat(v.canvas.style.height), before = height()
  assert.ok(before > 1000 * 20)
  const list = new Listed()
  for (let line = 0; line < 100; line++) list.push(line)
  v.view.setRows(list, null)
  v.view.setRows(all, null)
  assert.equal(height(), before)
})

test('a window that gets higher at the end goes on following; one who scrolls up does not', () => {
  for (const wrap of [false, true]) {
    const v = view(1000, { wrap })
    page.frame()
    assert.ok(v.view.following)
    v.port.clientHeight = 700
    v.port.dispatch('scroll') // the browser has moved what is shown, and says so before the size
    page.resized()
    page.frame()
    assert.ok(v.view.following)
    v.port.scrollTop -= 3
    v.port.dispatch('scroll')
    assert.ok(!v.view.following)
  }
})
