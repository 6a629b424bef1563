// The browser that the dashboard is tested in: one that the machine has, or Debian's Chromium where that may be installed.
import { existsSync } from 'node:fs'
import { installPrograms } from '../servers/install.js'

const PLACES = [
  process.env.FLOWCRAFT_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** The path of a Chromium; undefined where there is none. */
export function findBrowser() {
  return PLACES.find((path) => path && existsSync(path))
}

/** Sees to it that there is one, where that is simple. Without one, the tests in a browser are skipped and say so. */
export async function prepareBrowser({ log }) {
  if (process.platform === 'linux' && !findBrowser()) await installPrograms(['chromium'], log)
}
