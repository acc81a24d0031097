/** The page on which people sign in, and look after their passkeys and sessions. SPEC.md section 4.11. */
import { render } from 'preact';
import '@picocss/pico/css/pico.min.css';
import './style.css';
import { askSameOrigin } from './account-api.ts';
import { AccountState } from './account-state.ts';
import { browserPasskeys } from './browser-passkeys.ts';
import { AccountView } from './views/account-view.tsx';

const state = new AccountState(askSameOrigin, browserPasskeys);
const root = document.getElementById('app');
if (root) render(<AccountView state={state} />, root);
// A link works once, and is to be seen by nobody who looks at the screen, or goes back in the history.
const fragment = location.hash;
history.replaceState(null, '', location.pathname);
state.start(fragment);
