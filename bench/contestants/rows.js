// This package on the two tables of the contract alone: a run is one document.
import { Tables } from '../support/tables.js'
import ours, { startMessage } from './ours.js'

export default {
  ...ours,
  id: 'rows',
  title: 'the same, two tables',
  open: (world) => new Tables(world, { message: startMessage }).open(),
}
