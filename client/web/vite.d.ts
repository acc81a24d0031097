/** What Vite adds to modules: styles that are imported for what they do to the page. */
declare module '*.css';
