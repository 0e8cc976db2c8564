import { test } from 'node:test'
import assert from 'node:assert/strict'
import { src } from './load.mjs'

function parse(...chunks) {
  const heard = []
  const parser = new src.sse.Parser({
    event: (name, data) => heard.push([name, data]),
    id: (id) => heard.push(['#', id]),
    retry: (ms) => heard.push(['retry', ms]),
    comment: (text) => heard.push([':', text]),
  })
  for (const chunk of chunks) parser.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk)
  return heard
}

const stream = 'retry: 2000\n\nid: 1\ndata: {"ä":"日本"}\n\n: waiting\nevent: bye\ndata: a\ndata:b\n\nid\n\n'
const heard = [['retry', 2000], ['#', '1'], ['message', '{"ä":"日本"}'], [':', 'waiting'], ['bye', 'a\nb'], ['#', '']]

test('a stream is heard the same, however its lines end and wherever it is cut', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const bytes = new TextEncoder().encode(stream.replaceAll('\n', end))
    for (let size = 1; size <= bytes.length; size++) {
      const chunks = []
      for (let i = 0; i < bytes.length; i += size) chunks.push(bytes.slice(i, i + size))
      assert.deepEqual(parse(...chunks), heard, `${JSON.stringify(end)} in pieces of ${size}`)
    }
  }
})

test('the id of an event that is cut does not count', () => {
  assert.deepEqual(parse('id: 1\ndata: a\n\nid: 2\ndata: b'), [['#', '1'], ['message', 'a']])
})

test('what the standard says to pass over is passed over', () => {
  assert.deepEqual(parse('\ufeffdata: a\n\n', 'nonsense\nretry: 1x\nid: a\0b\ndata\n\n'), [['message', 'a'], ['message', '']])
})
