/** Styles are imported for what they do to the page: Vite makes files of them. */
declare module '*.css';
