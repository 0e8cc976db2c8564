import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { src } from './load.mjs'

const { spans, plain, carry, RGB, BOLD, DIM, ITALIC, UNDERLINE, INVERSE, STRIKE } = src.sgr
const only = (text) => spans(text).map(({ text, style: { fg, bg, flags } }) => [text, fg, bg, flags])

test('colours and styles of terminals', () => {
  assert.deepEqual(only('plain'), [['plain', -1, -1, 0]])
  assert.deepEqual(only('a\x1b[1;31mb\x1b[22mc\x1b[39md'), [['a', -1, -1, 0], ['b', 1, -1, BOLD], ['c', 1, -1, 0], ['d', -1, -1, 0]])
  assert.deepEqual(only('\x1b[94;103mx\x1b[m'), [['x', 12, 11, 0]])
  assert.deepEqual(only('\x1b[38;5;208mx\x1b[48;2;1;2;3my'), [['x', 208, -1, 0], ['y', 208, RGB + 0x010203, 0]])
  assert.deepEqual(only('\x1b[38:2::255:0:16mx\x1b[38:5:9my'), [['x', RGB + 0xff0010, -1, 0], ['y', 9, -1, 0]])
  assert.deepEqual(only('\x1b[2;3;4;7;9mx\x1b[0my'), [['x', -1, -1, DIM | ITALIC | UNDERLINE | INVERSE | STRIKE], ['y', -1, -1, 0]])
  assert.deepEqual(only('\x1b[38;5mx\x1b[999my\x1b[38;5;999mz'), [['x', 0, -1, 0], ['y', 0, -1, 0], ['z', 255, -1, 0]])
})

test('a text without its colours', () => {
  assert.equal(plain('a\x1b[1mb\x1b[38;2;1;2;3mc\x1b[m'), 'abc')
})

test('a style goes on in the next line', () => {
  assert.equal(carry('\x1b[1;4;31;48;2;9;8;7mx'), '\x1b[1;4;38;5;1;48;2;9;8;7m')
  assert.equal(carry('\x1b[1mx\x1b[0m'), '')
})

test('all colours can be read on both backgrounds', () => {
  const { coloursOf, contrast } = src.colours
  const rgb = (hex) => parseInt(hex.slice(1), 16)
  for (const theme of ['light', 'dark']) {
    const css = readFileSync(new URL(`../src/${theme}.css`, import.meta.url), 'utf8')
    const behind = rgb(/--bg: (#\w+)/.exec(css)[1])
    assert.equal(coloursOf({ fg: -1, bg: -1, flags: INVERSE }, theme).background, /--text: (#\w+)/.exec(css)[1])
    for (let fg = -1; fg < 256; fg++) {
      for (const bg of [-1, 0, 1, 2, 3, 4, 7, 11, 15, 16, 46, 128, 231, 244, RGB + 0x777777]) {
        for (const flags of [0, INVERSE]) {
          const { color, background } = coloursOf({ fg, bg, flags }, theme)
          if (color) assert.ok(contrast(rgb(color), background ? rgb(background) : behind) >= 4.5, `${theme} ${fg} on ${bg}`)
        }
      }
    }
  }
})

test('links are http and https, without what is around them', () => {
  const found = (text) => src.links.links(text).map(([from, to]) => text.slice(from, to))
  assert.deepEqual(found('see https://a.example/x?y=1#z, (http://b.example/w_(u)) and <https://c.example>.'),
    ['https://a.example/x?y=1#z', 'http://b.example/w_(u)', 'https://c.example'])
  assert.deepEqual(found('javascript://a data://b ftp://c xhttps://d file:///e http:// https://'), [])
  assert.deepEqual(found('"https://a.example/"onmouseover="x HTTPS://B.EXAMPLE/'), ['https://a.example/', 'HTTPS://B.EXAMPLE/'])
})

// Where the work grows with the square of the brackets it takes hours.
test('links end in no time, however many brackets there are', { timeout: 60_000 }, () => {
  const found = (text) => src.links.links(text).map(([from, to]) => text.slice(from, to))
  assert.deepEqual(found('http://a' + ').'.repeat(4000)), ['http://a'])
  assert.deepEqual(found('http://a/(([{' + '}])'.repeat(2000)), ['http://a/(([{}])}])'])
  assert.deepEqual(found('http://a' + ')'.repeat(40_000)), [])
  assert.equal(found(('http://a' + ')'.repeat(8000) + ' ').repeat(1000)).length, 1000)
})

test('permalinks', () => {
  const { parse, format } = src.permalink
  assert.deepEqual(parse('#L12'), { from: 12, to: 12 })
  assert.deepEqual(parse('#L20-10'), { from: 10, to: 20 })
  assert.deepEqual(parse('#L10-L20'), { from: 10, to: 20 })
  for (const bad of ['', '#', '#L', '#L0', '#L1-', '#l1', '#L1-0', '#L1234567890', '#L1x']) assert.equal(parse(bad), null, bad)
  assert.deepEqual([{ from: 3, to: 3 }, { from: 3, to: 5 }].map(format), ['#L3', '#L3-5'])
})

test('times, as people read them', () => {
  const { duration, since } = src.time
  assert.deepEqual([0, 999, 1500, 59_999, 61_000, 3_660_000, 90_000_000, NaN, -1].map(duration),
    ['0 ms', '999 ms', '1.5 s', '59 s', '1 min 01 s', '1 h 01 min', '1 d 1 h', '', ''])
  assert.deepEqual([0, 61_234, 3_661_234, -5, NaN].map(since), ['+00:00.000', '+01:01.234', '+1:01:01.2', '-00:00.005', ''])
})

test('the mood of a state', () => {
  const { moodOf } = src.status
  assert.deepEqual([moodOf('completed', true), moodOf('failed', true), moodOf('running', false), moodOf('queued', false), moodOf('', true), moodOf('Timed out', true)],
    ['good', 'bad', 'running', 'queued', 'unknown', 'bad'])
})

test('the job of a page is the segment that the server says', () => {
  const { jobOf } = src.job
  assert.equal(jobOf('/jobs/a%2Fb', 0), 'a/b')
  assert.equal(jobOf('/jobs/42/', 0), '42')
  assert.equal(jobOf('/builds/42/view', 1), '42')
  assert.equal(jobOf('/x/builds/%3Cimg%20src=x%3E/view/', 1), '<img src=x>')
  assert.equal(jobOf('/builds/100%/log/view', 2), '100%')
  assert.equal(jobOf('/', 3), '')
})

test('files are called by the job, in its own letters', () => {
  const { fileName, jobAt } = src.download
  globalThis.location = new URL('http://a.example/jobs/1')
  assert.equal(fileName('日本語', 'text'), '日本語.log')
  assert.equal(fileName('сборка 42', 'ndjson'), 'сборка_42.ndjson')
  assert.equal(fileName('हिन्दी/é/../x-1_2', 'text'), 'हिन्दी_é_.._x-1_2.log')
  assert.equal(fileName('a"b\r\n\u202ec', 'text'), 'a_b_c.log')
  assert.deepEqual(['/jobs/42/logs', 'http://b.example/x/%D1%8F?link=1', '/jobs/a%2Fb/logs/', '/'].map(jobAt), ['42', 'я', 'a/b', 'job'])
})

test('numbers have commas', () => {
  assert.deepEqual([0, 7, 999, 1000, 12_345, 999_999, 1_000_000].map(src.time.number), ['0', '7', '999', '1,000', '12,345', '999,999', '1,000,000'])
})
