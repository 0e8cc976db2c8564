// The feed, against a server that says what a test tells it to.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { lines, src } from './load.mjs'

const page = new EventTarget() // what a page has, and Node has not
globalThis.addEventListener ??= page.addEventListener.bind(page)
globalThis.removeEventListener ??= page.removeEventListener.bind(page)
globalThis.document ??= Object.assign(new EventTarget(), { hidden: false })

/** A server whose requests are taken one by one. */
async function serve(t) {
  const waiting = [], takers = []
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://x')
    response.setHeader('Content-Type', 'text/event-stream; charset=utf-8')
    const exchange = {
      request, response, query: Object.fromEntries(url.searchParams), cursor: request.headers['last-event-id'],
      say: (text) => response.write(text),
      rows: (from, to) => { for (let id = from; id <= to; id++) response.write(row(id)) },
    }
    const taker = takers.shift()
    if (taker) taker(exchange)
    else waiting.push(exchange)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${server.address().port}/jobs/1/logs`,
    next: () => (waiting.length ? Promise.resolve(waiting.shift()) : new Promise((resolve) => takers.push(resolve))),
  }
}

const plain = { 'Content-Type': 'text/plain; charset=utf-8' }
const row = (id, message = `line ${id}`) =>
  `id: c${id}\ndata: ${JSON.stringify({ log: { event_id: id, task_id: '1', event_message: message, severity: null, event_time: 1e12 + id } })}\n\n`

const caughtUp = 'event: caught_up\ndata: {}\n\n'

/** The end of a log that has more. */
const tail = Array.from({ length: 2000 }, (_, i) => row(1001 + i)).join('') + 'retry: 1\n\n' + caughtUp

/** A feed, and a way to wait until something is so. */
function feed(t, url, tailFirst = true, options = {}) {
  globalThis.location = new URL(url)
  const told = { states: [], jobs: [], gaps: [], shifts: [] }, waiting = new Set()
  const look = () => { for (const w of waiting) if (w.is()) waiting.delete(w), w.resolve() }
  const viewer = {
    grown: look,
    redraw: () => { told.first = f.first },
    loading: (lines) => { told.read = lines; look() },
    replaced: (log, shift) => { told.shifts.push(shift); look() },
    gap: (from) => { told.gaps.push(from); look() },
    state: (s) => { told.states.push(s); look() },
    job: (s) => { told.jobs.push(s); look() },
  }
  const f = new src.feed.Feed(url, viewer, options, tailFirst)
  t.after(() => f.stop())
  f.start()
  const until = (is) => new Promise((resolve) => { waiting.add({ is, resolve }); look() })
  return { f, told, until, state: (kind) => until(() => told.states.at(-1)?.kind === kind) }
}

const numbered = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)

test('a short log is whole with its tail', async (t) => {
  const s = await serve(t), { f, until, told } = feed(t, s.url)
  const live = await s.next()
  assert.deepEqual(live.query, { state: 'true', tail: '2000' })
  live.rows(1, 3)
  live.say('event: caught_up\ndata: {}\n\n')
  await until(() => f.whole)
  live.say(row(4) + 'data: {"type":"complete","state":"failed"}\n\n')
  await until(() => told.states.at(-1).kind === 'complete')
  assert.deepEqual(lines(f.log), numbered(1, 4))
  assert.equal(told.states.at(-1).state, 'failed')
  assert.equal(f.first, 1e12 + 1)
})

test('the history comes before the tail; what both have is there once', async (t) => {
  const s = await serve(t), { f, until, state } = feed(t, s.url)
  const live = await s.next()
  live.rows(1001, 3000)
  live.say('event: caught_up\ndata: {}\n\n')
  const history = await s.next()
  assert.deepEqual(history.query, { follow: 'false' })
  await state('live')
  live.say(row(500)) // late, and in the history as well
  await until(() => f.log.has(500n))
  history.rows(1, 3000)
  history.say(row(3001)) // in the history before it is live
  await until(() => f.early.length === 1)
  live.say(row(600)) // late, and in the history already
  assert.equal(f.whole, false)
  history.response.end()
  live.say(row(3001) + row(3002))
  await until(() => f.whole && f.log.has(3002n))
  const all = lines(f.log)
  assert.equal(all.length, 3002)
  assert.deepEqual(all.slice(0, 499), numbered(1, 499))
  assert.deepEqual(all.slice(-2), ['line 3001', 'line 3002'])
  assert.equal(new Set(all).size, 3002)
})

test('a history that overtakes a connection that was cut is in order', async (t) => {
  const s = await serve(t), { f, until, state } = feed(t, s.url)
  const live = await s.next()
  live.say(tail)
  const history = await s.next()
  live.response.destroy()
  const again = await s.next()
  assert.equal(again.cursor, 'c3000')
  history.rows(1, 3005)
  history.response.end()
  await until(() => f.whole)
  again.rows(3001, 3006)
  again.say(caughtUp)
  await state('live')
  assert.deepEqual(lines(f.log), numbered(1, 3006))
})

test('a connection that is cut while rows of the history are awaited', async (t) => {
  const s = await serve(t), { f, until } = feed(t, s.url)
  const live = await s.next()
  live.say(tail)
  const history = await s.next()
  history.rows(1, 3005)
  history.response.end()
  await once(history.response, 'finish')
  await until(() => f.early.length === 5)
  live.response.destroy()
  const again = await s.next()
  again.rows(3001, 3003)
  await until(() => f.log.has(3003n))
  await until(() => f.whole)
  again.rows(3004, 3006)
  await until(() => f.log.has(3006n))
  assert.deepEqual(lines(f.log), numbered(1, 3006))
})

test('a history that is cut goes on where it was', async (t) => {
  const s = await serve(t), { f, until, told } = feed(t, s.url)
  const live = await s.next()
  live.rows(1001, 3000)
  live.say('retry: 1\n\ndata: {"type":"complete","state":"completed"}\n\n')
  const history = await s.next()
  history.say('retry: 1\n\n')
  history.rows(1, 700)
  await until(() => told.read === 700)
  history.response.destroy()
  const rest = await s.next()
  assert.equal(rest.cursor, 'c700')
  rest.rows(701, 3000)
  rest.say('data: {"type":"complete","state":"completed"}\n\n')
  rest.response.end()
  await until(() => f.whole)
  assert.deepEqual(lines(f.log), numbered(1, 3000))
})

test('a history that is refused loses no line, and is asked for anew', async (t) => {
  const s = await serve(t), { f, until, told } = feed(t, s.url)
  const live = await s.next()
  live.say(tail)
  const history = await s.next()
  history.say('retry: 1\n\n')
  history.rows(1, 700)
  await until(() => told.read === 700)
  live.say(row(600) + row(3001)) // late, and in the history already
  await until(() => f.log.has(3001n))
  history.response.destroy()
  ;(await s.next()).response.writeHead(401).end('no\n')
  await until(() => told.read === -1)
  assert.deepEqual(lines(f.log), [...numbered(1001, 3000), 'line 3001', 'line 600'])
  assert.equal(f.first, 1e12 + 1)
  f.loadHistory() // by the reader's wish
  ;(await s.next()).response.writeHead(403).end('no\n')
  await until(() => told.read === -1)
  live.response.destroy()
  ;(await s.next()).say(caughtUp)
  const again = await s.next()
  assert.deepEqual([again.cursor, again.query], [undefined, { follow: 'false' }])
  again.rows(1, 3001)
  again.response.end()
  await until(() => f.whole)
  assert.equal(f.log.count, 3001)
  assert.deepEqual(new Set(lines(f.log)), new Set(numbered(1, 3001)))
})

test('a feed tells when it knows the first line, and nothing more when it is stopped', async (t) => {
  const s = await serve(t), { f, until, told } = feed(t, s.url)
  ;(await s.next()).say(tail)
  const history = await s.next()
  history.rows(1, 700)
  await until(() => told.read === 700)
  assert.equal(told.first, 1e12 + 1)
  f.stop()
  await once(history.response, 'close') // what the history does then, it has done
  assert.deepEqual([told.shifts, f.whole], [[], false])
})

test('a connection that is cut goes on after its last row, and rows that come twice do not', async (t) => {
  const s = await serve(t), { f, until, told } = feed(t, s.url)
  const first = await s.next()
  first.say('retry: 1\n\n')
  first.rows(1, 5)
  first.say('id: c6\ndata: {"log":{"event_id":6,')
  await until(() => f.log.count === 5)
  first.response.destroy()
  const second = await s.next()
  assert.deepEqual([second.cursor, second.query.tail], ['c5', undefined])
  second.rows(5, 7)
  second.say('event: caught_up\ndata: {}\n\nretry: 1\n\nevent: bye\ndata: {"reason":"an exit"}\n\n')
  second.response.end()
  const third = await s.next()
  assert.equal(third.cursor, 'c7')
  assert.equal(told.states.find((x) => x.reason)?.reason, 'an exit')
  third.response.writeHead(204).end()
  await until(() => told.states.at(-1).kind === 'complete')
  assert.deepEqual(lines(f.log), numbered(1, 7))
  const question = await s.next() // how it ended, which no 204 tells
  assert.deepEqual([question.cursor, question.query], [undefined, { state: 'true', tail: '0', follow: 'false' }])
  question.say('data: {"type":"complete","state":"failed"}\n\n')
  await until(() => told.jobs.at(-1) === 'failed')
})

test('rows that the history has long before they are live come after the tail', async (t) => {
  const s = await serve(t), { f, until } = feed(t, s.url)
  const live = await s.next()
  live.rows(1001, 2999)
  live.say(row(900) + caughtUp) // which was committed last
  const history = await s.next()
  history.rows(1, 3002)
  history.response.end()
  await until(() => f.whole)
  live.rows(3001, 3003)
  await until(() => f.log.has(3003n))
  assert.deepEqual(lines(f.log).slice(-5), ['line 900', 'line 3000', 'line 3001', 'line 3002', 'line 3003'])
  assert.deepEqual(new Set(lines(f.log)), new Set(numbered(1, 3003)))
  assert.equal(f.log.count, 3003)
})

test('after a gap the log is read anew, and what was shown stays until then', async (t) => {
  const s = await serve(t), { f, until, told } = feed(t, s.url)
  const live = await s.next()
  live.rows(1, 3)
  live.say('event: caught_up\ndata: {}\n\n')
  await until(() => f.whole)
  live.say('event: gap\nid: c0\ndata: {"reason":"restored"}\n\n')
  live.rows(1, 2)
  await until(() => told.read === 2)
  assert.deepEqual(lines(f.log), numbered(1, 3))
  live.say(row(3, 'another') + row(4))
  live.say('event: caught_up\ndata: {}\n\n')
  live.rows(5, 5)
  await until(() => f.log.has(5n))
  assert.deepEqual(lines(f.log), ['line 1', 'line 2', 'another', 'line 4', 'line 5'])
  assert.deepEqual([told.gaps, told.shifts.at(-1)], [[2], 0])
})

test('a gap while the history comes', async (t) => {
  const s = await serve(t), { f, until, told } = feed(t, s.url)
  const live = await s.next()
  live.rows(1001, 3000)
  live.say('event: caught_up\ndata: {}\n\n')
  const history = await s.next()
  history.rows(1, 500)
  await until(() => told.read === 500)
  live.say('event: gap\nid: c0\ndata: {}\n\n')
  live.rows(501, 2999)
  live.say('data: {"type":"complete","state":"completed"}\n\n')
  await until(() => told.gaps.length)
  assert.deepEqual(lines(f.log), numbered(501, 2999))
  assert.deepEqual([told.gaps, told.shifts, f.whole], [[2499], [500], true])
})

test('what the server says of itself', async (t) => {
  const s = await serve(t), { told, until, state } = feed(t, s.url)
  const live = await s.next()
  live.say(row(1) + 'event: caught_up\ndata: {}\n\n')
  await state('live')
  live.say(': waiting\n')
  await state('waiting')
  live.say(':\n')
  await state('live')
  live.say('event: state\ndata: {"state":"running"}\n\n')
  await until(() => told.jobs.length)
  assert.deepEqual(told.jobs, ['running'])
  live.say('event: auth_expired\ndata: {"reason":"over"}\n\n')
  await state('expired')
})

test('a refusal for good is told, one for now is tried again', async (t) => {
  const s = await serve(t), { told, state } = feed(t, s.url)
  const busy = await s.next()
  busy.say('retry: 1\n\nevent: error\ndata: {"reason":"too many"}\n\n')
  busy.response.end()
  ;(await s.next()).response.writeHead(503, plain).end('the store is down\n')
  ;(await s.next()).response.writeHead(404, plain).end('there is no such job\n')
  await state('refused')
  assert.deepEqual(told.states.filter((x) => x.reason).map((x) => [x.kind, x.reason]),
    [['reconnecting', 'too many'], ['reconnecting', 'the store is down'], ['refused', 'there is no such job']])
})

test('a page to log in is no log', async (t) => {
  const s = await serve(t), { f, told, state } = feed(t, s.url)
  const login = async () => (await s.next()).response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html>\n')
  await login()
  await state('refused')
  assert.match(told.states.at(-1).reason, /log in/)
  f.again()
  const live = await s.next()
  live.say('retry: 1\n\n' + row(1) + caughtUp)
  await state('live')
  live.response.destroy()
  await login()
  await state('expired')
})

test('other headers are those of the next request, which comes at once if they came too late', async (t) => {
  const options = { headers: { 'X-Token': 'a' } }, s = await serve(t)
  const { f, told, until, state } = feed(t, s.url, true, options)
  const next = async (token) => {
    const exchange = await s.next()
    assert.equal(exchange.request.headers['x-token'], token)
    return exchange
  }
  const asked = await next('a')
  options.headers = { 'X-Token': 'b' }
  asked.response.writeHead(401, plain).end('no\n') // which the page has mended since
  const live = await next('b')
  live.say(tail)
  const history = await next('b')
  history.rows(1, 700)
  await until(() => told.read === 700)
  options.headers = { 'X-Token': 'c' }
  live.say(row(3001)) // what streams goes on
  await until(() => f.log.has(3001n))
  live.say('event: auth_expired\ndata: {"reason":"over"}\n\n')
  const again = await next('c')
  assert.equal(again.cursor, 'c3001')
  again.say('retry: 1\n\n' + caughtUp)
  await state('live')
  history.rows(701, 3001)
  history.response.end()
  await until(() => f.whole)
  assert.deepEqual(lines(f.log), numbered(1, 3001))
  assert.ok(!told.states.some((s) => s.kind === 'refused' || s.kind === 'expired'))
  again.say('event: auth_expired\ndata: {"reason":"over"}\n\n')
  await state('expired')
})

test('who is told that access has expired may come again there and then', async (t) => {
  const s = await serve(t), { f, told, state } = feed(t, s.url), hear = told.states.push
  told.states.push = (state) => { hear.call(told.states, state), state.kind === 'expired' && f.again() }
  const live = await s.next()
  live.say(row(1) + caughtUp + 'event: auth_expired\ndata: {}\n\n')
  const again = await s.next()
  assert.equal(again.cursor, 'c1')
  again.say(caughtUp)
  await state('live')
  assert.deepEqual(told.states.map((s) => s.kind), ['connecting', 'live', 'expired', 'connecting', 'live'])
})

test('with a permalink the log comes from its beginning', async (t) => {
  const s = await serve(t), { f, until } = feed(t, s.url, false)
  const live = await s.next()
  assert.deepEqual(live.query, { state: 'true' })
  live.rows(1, 10)
  await until(() => f.log.count === 10)
  assert.equal(f.whole, true)
})

test('how long a connection may be silent is learnt from its heartbeats', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'Date'], now: 1e12 })
  const s = await serve(t), { told, until, state } = feed(t, s.url)
  const silent = (seconds) => { for (let at = 0; at < seconds; at += 5) t.mock.timers.tick(5000) }
  const kind = () => told.states.at(-1).kind
  let live = await s.next()
  const heartbeat = async () => {
    const before = told.states.length
    live.say(':\n')
    await until(() => told.states.length > before)
  }
  live.say(row(1) + caughtUp)
  await state('live')
  silent(50)
  await state('reconnecting')
  silent(5)
  live = await s.next()
  live.say(caughtUp) // at once, which tells nothing of heartbeats
  await state('live')
  silent(60)
  await heartbeat() // of a server that has one a minute
  silent(150)
  assert.equal(kind(), 'live')
  await heartbeat()
  silent(15)
  await heartbeat() // it has more now
  silent(50)
  await state('reconnecting')
})

/** A feed of a job that is in a state, by a clock that stands, and how the server tells of more. */
async function job(t, word) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1e12 })
  t.mock.method(globalThis, 'setInterval', () => 0) // nobody minds that streams are silent
  const asks = t.mock.method(globalThis, 'fetch').mock
  const s = await serve(t), { f, told, until } = feed(t, s.url)
  const state = (word) => `event: state\ndata: {"state":"${word}"}\n\n`
  const asked = async () => {
    const { query, response } = await s.next()
    assert.deepEqual(query, { state: 'true', tail: '0', follow: 'false' })
    return response
  }
  const answer = async (word) => {
    const response = await asked(), before = told.jobs.length
    response.end('retry: 2000\n\n' + state(word))
    await until(() => told.jobs.length > before)
  }
  const live = await s.next()
  const line = async (id) => {
    live.say(row(id))
    await until(() => f.log.has(BigInt(id)))
  }
  live.say(state(word) + row(1) + caughtUp)
  await until(() => f.whole)
  return { f, told, asks, line, asked, answer, tick: (ms) => t.mock.timers.tick(ms) }
}

test('where a job is that waits is asked: when a line comes, else now and then', async (t) => {
  const { told, asks, line, answer, tick } = await job(t, 'queued')
  assert.equal(asks.callCount(), 1)
  await line(2)
  await answer('queued')
  await line(3)
  assert.equal(asks.callCount(), 2)
  tick(5000)
  await answer('pending')
  tick(4999)
  assert.equal(asks.callCount(), 3)
  tick(1)
  await answer('running')
  tick(60_000)
  assert.equal(asks.callCount(), 4)
  assert.deepEqual(told.jobs, ['queued', 'queued', 'pending', 'running'])
})

test('where a job is that does not wait is asked when lines come, rarely, and if somebody looks', async (t) => {
  const { f, told, asks, line, asked, answer, tick } = await job(t, 'running')
  tick(600_000)
  assert.equal(asks.callCount(), 1)
  await line(2)
  tick(5000)
  await answer('deploying')
  await line(3)
  tick(29_999)
  assert.equal(asks.callCount(), 2)
  tick(5001)
  await answer('queued') // anew, after a failure
  tick(5000)
  await answer('running')
  t.after(() => { document.hidden = false })
  document.hidden = true
  await line(4)
  tick(60_000)
  assert.equal(asks.callCount(), 4)
  document.hidden = false
  document.dispatchEvent(new Event('visibilitychange'))
  await answer('cleaning up')
  await line(5)
  tick(35_000)
  ;(await asked()).writeHead(503, plain).end('busy\n')
  while (!f.turn.question.stopped) await new Promise(setImmediate)
  tick(600_000)
  assert.equal(asks.callCount(), 6)
  await line(6)
  tick(5000)
  await answer('running')
  assert.deepEqual(told.jobs, ['running', 'deploying', 'queued', 'running', 'cleaning up', 'running'])
})

test('a job that waits is not asked for while the connection is away', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1e12 })
  const s = await serve(t), { told, until, state } = feed(t, s.url)
  const live = await s.next()
  live.say('retry: 100000\n\nevent: state\ndata: {"state":"queued"}\n\n' + caughtUp)
  await state('live')
  live.response.destroy()
  await state('reconnecting')
  const asks = t.mock.method(globalThis, 'fetch').mock
  t.mock.timers.tick(40_000)
  assert.equal(asks.callCount(), 0)
  assert.deepEqual(told.jobs, ['queued'])
})
