import { test } from 'node:test'
import assert from 'node:assert/strict'
import { scroller } from './dom.mjs'
import { src } from './load.mjs'

const HEIGHT = 800
const HIGHEST = 2 ** 25 / 6 // of an element in Chromium, with six dots a pixel

// An offset in so many pixels of content.
function content(total) {
  const { port, canvas } = scroller(HEIGHT), scroll = new src.scroll.Scroll(port, canvas)
  scroll.resize(total)
  return { scroll, port, canvas, wheel(by) { port.scrollTop += by } }
}

const near = (is, want, what) => assert.ok(Math.abs(is - want) < 1, `${what ?? 'the offset'} is ${is}, not ${want}`)

test('content that gets higher than an element can be does not move the reader', () => {
  const { scroll, wheel, port } = content(1_000_000)
  for (let total = 1_000_000, at = 0; total < 30_000_000; total += 20_000) {
    scroll.resize(total)
    wheel(3000)
    near(scroll.top, at += 3000, `at ${total}, the offset`)
  }
  assert.ok(port.scrollTop < HIGHEST)
})

test('wheels move by what they say, to both ends', () => {
  for (const total of [4_000_000, 6_000_000, 20_000_000, 60_000_000]) {
    const { scroll, wheel, canvas } = content(total), { most } = scroll
    assert.ok(parseFloat(canvas.style.height) <= HIGHEST)
    for (const [from, by] of [[0, 120], [50_000, -120], [99_000, -700], [total / 3, 700], [total / 2, -2000], [most - 300_000, 500], [most, -120]]) {
      scroll.go(from)
      let at = Math.min(from, most)
      near(scroll.top, at)
      for (let i = 0; i < 3000; i++) {
        wheel(by)
        near(scroll.top, at = Math.max(0, Math.min(at + by, most)), `${i} times ${by} from ${from} of ${total}, the offset`)
      }
    }
  }
})

test('the scroll bar goes anywhere', () => {
  const total = 60_000_000, { scroll, port, canvas } = content(total), room = parseFloat(canvas.style.height) - HEIGHT
  for (const part of [0.5, 1, 0.25, 0, 0.9, 0.1]) {
    port.scrollTop = part * room
    const { top } = scroll
    assert.ok(Math.abs(top / scroll.most - part) < 0.02, `at ${part}: ${top}`)
    scroll.go(top)
    near(port.scrollTop, part * room, 'where the bar is')
  }
})

test('rows are drawn where they are seen', () => {
  const { scroll, port, wheel } = content(60_000_000)
  for (const to of [0, 99_999, 1_234_567, 59_000_000, 60_000_000]) {
    scroll.go(to)
    wheel(-40)
    near(scroll.place(scroll.top), port.scrollTop)
  }
})
