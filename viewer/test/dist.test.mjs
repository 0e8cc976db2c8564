import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { files } from '../build.mjs'

const at = (name) => new URL('../' + name, import.meta.url)

test('dist is what src builds, to the byte', async () => {
  const built = await files()
  assert.deepEqual((await readdir(at('dist'))).sort(), [...built.keys()].sort())
  for (const [name, bytes] of built) assert.ok(bytes.equals(await readFile(at('dist/' + name))), name + ' is not; run make viewer')
})

test('all of it is small', async () => {
  let size = 0
  for (const bytes of (await files()).values()) size += gzipSync(bytes, { level: 9 }).length
  assert.ok(size < 60_000, `${size} bytes`)
})

test('no text can become HTML, a style or a script', async () => {
  const unsafe = /innerHTML|outerHTML|insertAdjacentHTML|setHTML|srcdoc|document\.write|DOMParser|createContextualFragment|\beval\b|new Function|(?:setTimeout|setInterval)\(\s*['"`]|cssText|setAttribute\(\s*['"]style|javascript:|\bstyle: ['"`]/
  for (const name of await readdir(at('src'))) {
    if (name.endsWith('.css')) continue
    const text = await readFile(at('src/' + name), 'utf8')
    assert.doesNotMatch(text, unsafe, name)
  }
  assert.doesNotMatch(await readFile(at('dist/job-log.js'), 'utf8'), /innerHTML|insertAdjacentHTML|\beval\(/)
})
