// Version 2.0.0 of this package, on tables that were migrated: what a change costs or brings. It takes part only where it
// is named.
import ours from './ours.js'

export default {
  ...ours,
  id: '2.0.0',
  title: 'version 2.0.0',
  // Two versions with two settings would be two changes.
  settingOf: 'ours',
  async open(world) {
    // Nothing else of this package is in a turn's process: what is loaded now, here and in the worker, is 2.0.0.
    process.env.PACKAGE_UNDER_TEST = process.env.VERSION_2_0_0
    if (process.env.ADDON_2_0_0) process.env.NAPI_RS_NATIVE_LIBRARY_PATH = process.env.ADDON_2_0_0
    return ours.open(world)
  },
}
