/** Elements of the page of an evidence pack: what the pack says becomes text, and nothing else. */

export type Child = Node | string;
type Attributes = Readonly<Record<string, string>>;

export function element(name: string, attributes: Attributes, ...children: Child[]): HTMLElement {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Of a picture. */
export function shape(name: string, attributes: Attributes, ...children: Child[]): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export interface Column {
  readonly name: string;
  /** Numbers are set to the right. */
  readonly isNumber?: boolean;
}

export function table(
  caption: string,
  columns: readonly (string | Column)[],
  rows: readonly (readonly Child[])[],
): HTMLElement {
  const all = columns.map((column) => (typeof column === 'string' ? { name: column } : column));
  const row = (name: string, cells: readonly Child[]) =>
    element(
      'tr',
      {},
      ...cells.map((cell, at) => element(name, all[at]?.isNumber ? { class: 'number' } : {}, cell)),
    );
  const names = all.map(({ name }) => name);
  return element(
    'div',
    { class: 'wide' },
    element(
      'table',
      {},
      element('caption', {}, caption),
      element('thead', {}, row('th', names)),
      element('tbody', {}, ...rows.map((cells) => row('td', cells))),
    ),
  );
}

export function facts(pairs: readonly (readonly [string, Child])[]): HTMLElement {
  return element(
    'dl',
    {},
    ...pairs.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
  );
}

export function section(title: string, ...children: Child[]): HTMLElement {
  return element('section', {}, element('h2', {}, title), ...children);
}
