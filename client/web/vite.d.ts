/** What Vite adds to modules: styles that are imported for what they do to the page, and files found by pattern. */
declare module '*.css';

interface ImportMeta {
  glob<Module>(
    pattern: string,
    options: { eager: true; query?: string; import?: string },
  ): Record<string, Module>;
}
