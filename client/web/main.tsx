/** The page of a participant: what the browser loads first. */
import { render } from 'preact';
import '@picocss/pico/css/pico.min.css';

const root = document.getElementById('app');
if (root) render(<main class="container">Hanse</main>, root);
