// What the crate and the package are made of: no unsafe code of our own, lints that nobody switched off, and nothing in
// the package that is not for its users.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const read = (path) => readFileSync(join(repository, path), 'utf8')

describe('the crate', () => {
  const sources = readdirSync(join(repository, 'src'), { recursive: true })
    .filter((path) => path.endsWith('.rs'))
    .map((path) => join('src', path))
    .concat('build.rs')
  const code = (path) => read(path).replace(/\/\/.*$/gm, '')

  it('has no unsafe code, and nowhere allows it', () => {
    assert.ok(sources.length > 30)
    for (const path of sources) assert.doesNotMatch(code(path), /\bunsafe\b|unsafe_code/, path)
  })

  it('denies what could panic, and nowhere allows it outside of tests', () => {
    const manifest = read('Cargo.toml')
    const lints = manifest.slice(manifest.indexOf('[lints.rust]'), manifest.indexOf('[profile.'))
    for (const lint of ['unsafe_code', 'unwrap_used', 'expect_used', 'panic', 'await_holding_lock']) {
      assert.match(lints, new RegExp(`^${lint} = "(deny|forbid)"`, 'm'))
    }
    for (const path of sources) {
      assert.doesNotMatch(
        code(path),
        /(allow|expect)\(\s*clippy::(unwrap_used|expect_used|panic|await_holding_lock|all)/,
        path,
      )
    }
  })

  it('unwinds when it panics, in every profile: an abort would be of the user’s process', () => {
    const profiles = read('Cargo.toml')
      .split(/^\[profile\./m)
      .slice(1)
    assert.ok(profiles.some((profile) => /^release\]/.test(profile) && /^panic = "unwind"/m.test(profile)))
    for (const profile of profiles) assert.doesNotMatch(profile, /^panic = "abort"/m)
  })
})

describe('the package', () => {
  let files
  before(() => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: repository,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    files = JSON.parse(packed)[0].files.map(({ path }) => path)
  })

  it('holds compiled code, types, the addon and its papers: nothing else', () => {
    const meant =
      /^(dist\/[\w/-]+\.(js|d\.ts)|dist\/dashboard\/ui\/[\w./-]+\.(js|css|svg|html|txt)|monitoring\/[\w-]+\.(json|yml)|binding\.(js|d\.ts)|index\.d\.ts|[\w.-]+\.node|((docs|bench)\/)?[\w-]+\.(md|svg)|LICENSE|package\.json)$/
    assert.deepEqual(
      files.filter((path) => !meant.test(path)),
      [],
    )
    assert.ok(files.includes('dist/index.js') && files.includes('binding.js'))
  })

  it('holds every document that one of its documents leads to', () => {
    const documents = files.filter((path) => path.endsWith('.md'))
    assert.ok(documents.includes('README.md') && documents.includes('docs/options.md'))
    const links = documents.flatMap((path) =>
      [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target)
        .filter((target) => !/^(https?:|#)/.test(target))
        .map((target) => ({ path, target, leadsTo: join(dirname(path), target.split('#')[0]) })),
    )
    assert.ok(links.length > 10)
    // Tests, programs and what those read who change the package are in the repository alone; `docs/links.test.js` looks for them there.
    const isCode = (leadsTo) =>
      /^(__test__|tests|examples)\/|^(CONTRIBUTING|docs\/architecture|docs\/decisions)\.md$/.test(leadsTo)
    assert.deepEqual(
      links.filter(({ leadsTo }) => !files.includes(leadsTo) && !isCode(leadsTo)),
      [],
    )
  })

  it('has no keys, no credentials, and no paths of the machine it was built on', () => {
    for (const path of files.filter((file) => !file.endsWith('.node'))) {
      const text = read(path)
      assert.doesNotMatch(text, /-----BEGIN [A-Z ]+-----(\\n|\s)*[A-Za-z0-9+/]{20}|sourceMappingURL/, path)
      for (const place of [repository, homedir()]) assert.ok(!text.includes(`${place.replace(/\/$/, '')}/`), path)
      // But for the examples' `user:pass`, and what templates put together.
      const logins = [...text.matchAll(/\w+:\/\/([^\s/:@'`]+):([^\s/:@'`$]+)@/g)].map(([, , password]) => password)
      assert.deepEqual(
        [...new Set(logins)].filter((password) => password !== 'pass'),
        [],
        path,
      )
    }
  })

  it('has an addon that does not say where the crate was built', () => {
    for (const path of files.filter((file) => file.endsWith('.node'))) {
      assert.equal(readFileSync(join(repository, path)).includes(repository), false, path)
    }
  })
})
