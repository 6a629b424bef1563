// This package as a turn uses it: the one of this repository, or the version that the contestant chose.

export function packageUnderTest() {
  return import(process.env.PACKAGE_UNDER_TEST ?? new URL('../../dist/index.js', import.meta.url).href)
}
