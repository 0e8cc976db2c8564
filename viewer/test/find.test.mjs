import { test } from 'node:test'
import assert from 'node:assert/strict'
import { event, src } from './load.mjs'

const { Log } = src.log
const { compile } = src.match

async function search(log, query) {
  const q = { regex: false, cased: false, ...query }
  const s = new src.search.Search(log, compile(q), q, () => {})
  await s.run()
  return s
}
const found = (s) => Array.from({ length: s.found.count }, (_, i) => s.found.lineAt(i))

function numbers(n, text = (i) => `line ${i}.`) {
  const log = new Log()
  for (let i = 0; i < n; i++) log.append(event(i, text(i)))
  return log
}

test('all lines are searched, in chunks and beyond, with and without colours', async () => {
  const want = Array.from({ length: 5000 }, (_, i) => i).filter((i) => String(i).includes('99'))
  const log = numbers(5000, (i) => (i % 3 === 0 && i > 3000 ? `LINE \x1b[1m${String(i)[0]}\x1b[0m${String(i).slice(1)}.` : `line ${i}. line ${i}.`))
  for (const query of [{ text: '99' }, { text: '9{2}', regex: true }, { text: '^line \\d*99', regex: true }]) {
    assert.deepEqual(found(await search(log, query)), want, query.text)
  }
  assert.equal((await search(log, { text: 'LINE', cased: true })).found.count, 666)
  assert.equal((await search(log, { text: '99. line' })).found.count, (await search(log, { text: '99\\. line', regex: true })).found.count)
})

test('a long line shows all matches of a text, and those of a pattern where it is looked at', async () => {
  const text = 'x'.repeat(12_000) + 'here', log = numbers(1, () => text)
  assert.deepEqual((await search(log, { text: 'here' })).ranges(0, text), [[12_000, 12_004]])
  assert.deepEqual(found(await search(log, { text: 'here', regex: true })), [])
})

test('a text is no pattern', async () => {
  const log = numbers(3, (i) => ['a.b', 'axb', '(\\w+)[$^*'][i])
  assert.deepEqual(found(await search(log, { text: 'a.b' })), [0])
  assert.deepEqual(found(await search(log, { text: '(\\w+)[$^*' })), [2])
  assert.deepEqual(found(await search(log, { text: 'b\naxb' })), [])
})

test('a search goes on where lines come', async () => {
  for (const query of [{ text: '9.' }, { text: '9\\.$', regex: true }]) {
    const log = numbers(1030), s = await search(log, query)
    const before = s.found.count
    for (let i = 1030; i < 21_000; i++) log.append(event(i, `line ${i}.`))
    await s.run()
    assert.deepEqual([before, s.found.count, s.done], [103, 2100, true])
    assert.ok(found(s).every((line) => line % 10 === 9))
  }
})

test('matches in a text are found whatever was looked at before', () => {
  const re = compile({ text: 'ab?', regex: true, cased: false })
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(src.patterns.work({ source: re.source, flags: re.flags, parts: ['\x1b[1mxxAx\x1b[0mxab\n', 'b\na\x1b[1mb'] }).hits, [0, 3])
    assert.deepEqual(src.match.rangesIn(re, 'a-AB'), [[0, 1], [2, 4]])
    re.lastIndex = 3
  }
  assert.deepEqual(src.patterns.work({ source: 'z*', flags: 'g', parts: ['aaa\naz'] }).hits, [1])
})

test('a character of a pattern is a whole one, and what is no pattern of Unicode is one without', () => {
  const ranges = (text, line) => src.match.rangesIn(compile({ text, regex: true, cased: false }), line)
  assert.deepEqual(ranges('emoji .', 'an emoji 😀'), [[3, 11]])
  assert.deepEqual(ranges('[😀-😂]{2}', '😀😂😀'), [[0, 4]])
  assert.deepEqual(ranges('\\-\\_x', 'a-_X'), [[1, 4]])
  assert.deepEqual(src.patterns.work({ source: '^.$', flags: compile({ text: '^.$', regex: true, cased: true }).flags, parts: ['😀\nab'] }).hits, [0])
})

test('a pattern that is none says why, and one that may take for ever is not tried', async () => {
  assert.throws(() => compile({ text: '(', regex: true, cased: false }), /Unterminated group/)
  const s = await search(numbers(10, () => 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'), { text: '(a+)+$', regex: true })
  assert.match(s.failure, /for ever/)
  for (const bad of ['(a|a)*', '(.*)*', '((a+)b)+', '(x+x+)+y', '([a-z]+)*', '(a{2,}){3,}', '.*.*.*x']) assert.ok(src.patterns.risky(bad), bad)
  for (const good of ['(abc)+', 'a+b*', '(a|b)', '\\(a+\\)+', 'error: .*line \\d+']) assert.ok(!src.patterns.risky(good), good)
})

/** A finder in a log, and where it brings its reader. */
function finder(log, more = {}) {
  const ground = {
    log, whole: true, at: 0, brought: [], told: '',
    place() { return this.at },
    bring(line) { this.brought.push(line) },
    hits(text, title) {
      this.told = text
      this.title = title
      this.heard?.()
    },
    expand(line) { this.expanded = line },
    redraw() {}, toast() {}, ...more,
  }
  const f = new src.finder.Finder(ground)
  const told = async (text) => { while (ground.told !== text) await new Promise((heard) => { ground.heard = heard }) }
  return { f, ground, told }
}

test('a search that finds nothing does not call its reader back later', async () => {
  const log = numbers(10), { f, ground, told } = finder(log)
  f.find({ text: 'later', regex: false, cased: false })
  await told('none')
  log.append(event(10, 'later'))
  f.grown()
  await told('1')
  assert.deepEqual(ground.brought, [])
})

test('what is before the lines that are there is waited for, unless the reader goes elsewhere', async () => {
  for (const leaves of [false, true]) {
    const { f, ground, told } = finder(numbers(10), { whole: false, at: 5 })
    f.find({ text: 'first', regex: false, cased: false })
    await told('0…')
    if (leaves) f.leave()
    Object.assign(ground, { log: numbers(20, (i) => (i === 3 ? 'first' : 'x')), whole: true })
    f.replaced(10)
    await told(leaves ? '1' : '1 of 1')
    assert.deepEqual(ground.brought, leaves ? [] : [3])
  }
})

test('a match that takes long to find is told', () => {
  const line = 'error ' + 'a'.repeat(26) + '!', work = (source) => src.patterns.work({ source, flags: 'g', parts: [line] })
  assert.deepEqual(work('error|(\\w+\\s?)+$'), { hits: [0], slow: [0] })
  assert.deepEqual(work('error|a+'), { hits: [0], slow: [] })
})

test('what was found in another log is not looked for in this one', async () => {
  const { f, told } = finder(numbers(10))
  f.find({ text: 'line [1-3]', regex: true, cased: false })
  await told('1 of 3')
  assert.deepEqual(f.ranges(2, 'line 2.'), [[0, 6]])
  f.forget(5)
  assert.deepEqual([f.ranges(2, 'line 2.'), f.match], [[], 6])
  f.replaced()
  await told('3')
})

test('the next match is waited for while the search is under way', async () => {
  const log = numbers(10), { f, ground, told } = finder(log)
  f.find({ text: 'line', regex: false, cased: false })
  await told('1 of 10')
  for (let i = 10; i < 20; i++) log.append(event(i, `line ${i}.`))
  f.match = 9
  f.step(1) // the search does not know of the new lines yet
  assert.equal(ground.brought.at(-1), 0)
  f.grown()
  await told('11 of 20')
  assert.equal(ground.brought.at(-1), 10)
})

test('each match in a line is stepped to, and what is not drawn of it is', async () => {
  const texts = ['a foo', 'foo \x1b[1mFoo\x1b[0m foo', 'none', 'x'.repeat(12_000) + 'foo']
  const { f, ground, told } = finder(numbers(4, (i) => texts[i])), at = []
  f.find({ text: 'foo', regex: false, cased: false })
  await told('1 of 3')
  assert.equal(ground.title, '1 of 3 lines that match')
  for (const by of [1, 1, 1, 1, 1, -1, -1, -1]) {
    f.step(by)
    at.push([f.match, f.nth])
    if (f.match === 3) assert.equal(ground.expanded, 3)
    else if (f.match === 1 && f.nth === 1) assert.equal(ground.title, '2 of 3 lines that match; in this one it is match 2 of 3')
  }
  assert.deepEqual(at, [[1, 0], [1, 1], [1, 2], [3, 0], [0, 0], [3, 0], [1, 2], [1, 1]])
})

test('a filter shows a severity and worse, and counts', () => {
  const log = new Log()
  for (let i = 0; i < 70; i++) log.append(event(i, 'x', { rank: i % 7 }))
  const filter = new src.filter.Filter(log, 5)
  assert.equal(filter.rows.count, 20)
  log.append(event(70, 'x', { rank: 6 }))
  filter.update()
  assert.equal(filter.rows.lineAt(20), 70)
  assert.deepEqual(src.filter.totals(log), [71, 61, 51, 41, 31, 21, 11])
})

test('groups of GitHub, folded with their duration; one that failed is open', () => {
  const log = new Log(), groups = new src.groups.Groups(log)
  const say = (...messages) => messages.forEach((m) => log.append(event(log.count, m, m === 'bad' ? { rank: 5 } : {})))
  say('a', '::group::One', 'b', '::group::Inner', 'c', '::endgroup::', '::endgroup::', '::group::Two', 'bad', '::endgroup::', '::group::Three', 'd')
  assert.ok(groups.update(false))
  assert.ok(!groups.update(false))
  assert.deepEqual(groups.list.map((g) => [log.text(g.start), g.start, g.end, g.depth, g.took, groups.failed(g), groups.isOpen(g)]), [
    ['One', 1, 6, 0, 5000, false, false], ['Inner', 3, 5, 1, 2000, false, false], ['Two', 7, 9, 0, 2000, true, true], ['Three', 10, Infinity, 0, NaN, false, true],
  ])
  assert.deepEqual(groups.hidden(), [[2, 6], [9, 9]])
  assert.ok(groups.uncover(4))
  assert.ok(!groups.uncover(4))
  assert.deepEqual(groups.hidden(), [[5, 6], [9, 9]])
  say('::endgroup::', 'e')
  groups.update(true)
  assert.ok(groups.isOpen(groups.list[3]), 'it does not close before a reader who is not at the end')
  assert.equal(groups.around(13), null)
  assert.equal(groups.around(11), groups.list[3])
})

test('sections of GitLab, two marks on a line among them', () => {
  const log = new Log(), groups = new src.groups.Groups(log)
  const E = '\x1b[0K'
  const say = (m) => log.append(event(log.count, m))
  say(`section_start:100:build[collapsed=true]\r${E}\x1b[36mBuild\x1b[0m`)
  say('x')
  say(`section_end:160:build\r${E}section_start:160:test\r${E}Test`)
  say('y')
  say(`section_end:161:test\r${E}`)
  say(`section_end:161:never\r${E}`)
  groups.update(false)
  assert.deepEqual(groups.list.map((g) => [src.sgr.plain(log.text(g.start)), g.start, g.end, g.took, g.depth]), [['Build', 0, 1, 60000, 0], ['Test', 2, 4, 1000, 0]])
  assert.deepEqual(groups.hidden(), [[1, 1], [3, 5]])
})

// Where the work grows with the square of the groups it takes hours.
test('groups that never end, and ends of none, take no time', { timeout: 60_000 }, () => {
  const log = new Log(), groups = new src.groups.Groups(log), n = 300_000
  for (let i = 0; i < n; i++) log.append(event(i, `section_start:1:s${i}\r`))
  for (let i = 0; i < n; i++) log.append(event(n + i, `section_end:2:other${i}\r`))
  log.append(event(2 * n, 'section_end:2:s1\r'))
  log.append(event(2 * n, 'section_end:2:s2\r')) // which ended with the one around it
  log.append(event(2 * n, 'section_end:2:s0\r'))
  groups.update(false)
  assert.deepEqual([0, 1, 2, n - 1].map((i) => groups.list[i].end), [2 * n + 2, 2 * n, 2 * n, 2 * n])
})
