import { test } from 'node:test'
import assert from 'node:assert/strict'
import { event, lines, src } from './load.mjs'

const { Log } = src.log

test('lines are what was appended, across chunks that are full and one that is not', () => {
  const log = new Log(), want = []
  for (let i = 0; i < 5000; i++) {
    const text = i % 7 ? `line ${i} ${'x'.repeat(i % 50)}` : i % 2 ? '' : `Zeile ${i} – 日本`
    want.push(text)
    log.append(event(i, text, { rank: i % 7 }))
  }
  assert.deepEqual(lines(log), want)
  assert.deepEqual(want.map((t) => t.length), want.map((_, i) => log.length(i)))
  assert.deepEqual(log.counts, [715, 715, 714, 714, 714, 714, 714])
  assert.equal(log.time(4321), 4321000)
  assert.equal(log.rank(4321), 4321 % 7)
})

test('an event of several lines is several lines, and colours go on', () => {
  const log = new Log()
  log.append(event(1, 'a \x1b[31mred\nstill\x1b[0m not\nplain\n', { truncated: true }))
  assert.deepEqual(lines(log), ['a \x1b[31mred', '\x1b[38;5;1mstill\x1b[0m not', 'plain'])
  assert.deepEqual([0, 1, 2].map(log.flags), [0, 0, src.log.TRUNCATED])
  assert.equal(log.events, 1)
})

test('what was written over is not shown, nor is what moves a cursor', () => {
  const log = new Log()
  log.append(event(1, '10%\r50%\r100%'))
  log.append(event(2, 'windows\r\nlines\r'))
  log.append(event(3, '\x1b[2K\x1b[1Gx\x1b]8;;http://a\x1b\\link\x1b]8;;\x07\x1b(B\x1b[1mbold\x1b[m'))
  assert.deepEqual(lines(log), ['100%', 'windows', 'lines', 'xlink\x1b[1mbold\x1b[m'])
})

test('an event is known by its id, to the last bit', () => {
  const log = new Log(), big = 2n ** 62n
  for (let i = 0; i < 3000; i++) log.append(event(0, 'x', { id: big + BigInt(i * 2) }))
  log.append(event(0, 'late', { id: 7n }))
  for (const i of [0, 2, 2048, 5998]) assert.ok(log.has(big + BigInt(i)), String(i))
  for (const id of [big + 1n, big + 5999n, big + 6000n, 8n]) assert.ok(!log.has(id), String(id))
  assert.ok(log.has(7n))
})

test('ids beyond what a number holds are read as they are', () => {
  const json = '{"log":{"event_id":9223372036854775807,"event_message":"\\"event_id\\":5","severity":"WARN","event_time":1700000000}}'
  const e = src.event.eventOf(JSON.parse(json).log, json)
  assert.deepEqual(e, { id: 9223372036854775807n, message: '"event_id":5', rank: 4, time: 1700000000000, truncated: false })
})

test('a log takes the lines of another, marks and all', () => {
  const a = new Log(), b = new Log()
  for (let i = 0; i < 1500; i++) a.append(event(i))
  b.append(event(2000, '::group::G'))
  for (let i = 2001; i < 4000; i++) b.append(event(i, `b\x1b[1m${i}`, { rank: 5 }))
  const want = [...lines(a), ...lines(b)]
  a.take(b)
  assert.deepEqual(lines(a), want)
  assert.deepEqual(a.marks, [{ kind: 'start', name: '', time: 2000000, line: 1500 }])
  assert.equal(a.errors.count, 1999)
  assert.ok(a.has(3999n))
  assert.equal(a.events, 3500)
})

test('severities have the ranks of the server; no word is a property of objects', () => {
  const names = ['TRACE', 'debug', 'info', 'success', 'Warning', 'err', 'fatal', 'constructor', '__proto__', 3, null, undefined]
  assert.deepEqual(names.map(src.event.rankOf), [0, 1, 2, 3, 4, 5, 6, 2, 2, 2, 2, 2])
})
