/**
 * Loaded into a node before its own code (`node --import`): it looks for a coordinator that went away again and again
 * within half a second. Pauses grow to a quarter of a minute otherwise, for the sake of a coordinator that has thousands
 * of nodes; suites that kill it at every moment of a round would wait for most of their time. How long pauses are has
 * tests of its own. Nothing of it is in the product.
 */
import { DEFAULT_PAUSES } from '../../dist/client/retrying-coordinator.js';

DEFAULT_PAUSES.longestPauseMs = 500;
