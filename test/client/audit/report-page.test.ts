// covers: client/audit/markup.ts, client/audit/report-plot.ts, client/audit/report-style.ts, client/audit/column-name.ts
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { html, Markup } from '../../../client/audit/markup.ts';
import { reportPage } from '../../../client/audit/report-page.ts';
import { cumulativeLines, namedBars, stackedBars } from '../../../client/audit/report-plot.ts';
import { ALL } from '../../../protocol/audit/period.ts';
import { PeriodReportFold } from '../../../protocol/audit/report/period-report.ts';
import { asked, nodeId, PlantedEntries } from '../../fixtures/planted-entries.ts';

const EVIL = '</title></style></table><script>alert(1)</script><img src=x onerror="alert(1)">&amp;\'';
const log = {
  ...{ origin: 'hanse/coordinator/0', size: 9, root: '0'.repeat(64), checkpoint: 'note\n\u2014 x\n' },
  ...{ witnesses: { cosigned: 1, needed: 1, total: 1 }, cosigners: ['clinic-a/w'] },
};

function pageOf(entries: PlantedEntries, of = log) {
  const report = asked(new PeriodReportFold(ALL), entries.entries).report();
  return reportPage({ log: of, isPinned: false, report });
}

/** Every text that an entry, or whoever serves the log, may bring along. */
function evil() {
  const entries = new PlantedEntries();
  entries.member('a', EVIL);
  const job = entries.job('job', 'a', { name: EVIL, purpose: EVIL, privacyUnit: EVIL });
  entries.round(job, 1, ['a'], { epsilon: 0.5 });
  entries.add('round.declined', { jobId: job, round: 1, attempt: 1, code: EVIL });
  entries.add('access.denied', {
    actor: EVIL,
    since: EVIL,
    count: 1,
    codes: { [EVIL]: 1 },
    policies: { [EVIL]: 1 },
  });
  entries.add('member.revoked', { nodeId: nodeId('a'), reason: EVIL, by: EVIL });
  entries.add('witness.silent', { witness: EVIL, since: EVIL });
  entries.add('admin.started', { software: EVIL, origin: EVIL });
  entries.add('reading.session', { first: EVIL, last: 1, count: 1, since: EVIL, until: EVIL });
  entries.add('model.downloaded', { jobId: EVIL, round: 1, model: EVIL, count: 1 });
  entries.add('policy.proposed', { version: 1, note: EVIL, by: EVIL, policies: EVIL });
  entries.add('policy.changed', {
    ...{ version: 1, before: EVIL, after: EVIL, diff: `${EVIL}\n${EVIL}`, by: EVIL, approvedBy: [EVIL] },
  });
  return entries;
}

/** Elements that a browser would make of it. */
const namesOf = (page: string) => new Set([...page.matchAll(/<([a-z0-9]+)/g)].map(([, name]) => name));

test('what entries say is text, and never a part of the page', async () => {
  const plain = new PlantedEntries();
  plain.member('a', 'clinic-a');
  const page = await pageOf(evil(), { ...log, origin: EVIL, checkpoint: EVIL, cosigners: [EVIL] });
  expect(page.split('&lt;script&gt;alert(1)').length).toBeGreaterThan(15);
  const names = namesOf(page);
  for (const name of ['script', 'img']) expect(names).not.toContain(name);
  expect(page.match(/<\/style>/g)).toHaveLength(1);
  expect(page).not.toContain('onerror="');
  // The control: of markup that is taken as it is, the same look finds what is planted.
  const control = page.replace('</h1>', `${Markup.of(EVIL).text}</h1>`);
  expect([...namesOf(control)]).toEqual(expect.arrayContaining(['script', 'img']));
  expect(namesOf(await pageOf(plain))).not.toContain('script');
});

test('is the same bytes for the same entries, and asks for nothing', async () => {
  const [first, second] = [await pageOf(evil()), await pageOf(evil())];
  expect(first).toBe(second);
  expect(first).not.toMatch(/(src|href)="(?!#)/);
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(first) ?? [];
  const hash = createHash('sha256').update(style).digest('base64');
  expect(first).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;`);
});

test('tables have captions and heads, pictures are told in words, sections have names', async () => {
  const entries = new PlantedEntries();
  entries.member('a', 'clinic-a');
  const job = entries.job('triage', 'a');
  entries.round(job, 1, ['a'], { epsilon: 0.5 });
  const page = await pageOf(entries);
  expect(page).toContain('<html lang="en">');
  const count = (pattern: RegExp) => page.match(pattern)?.length ?? 0;
  expect(count(/<table>/g)).toBeGreaterThan(3);
  expect(count(/<table><caption>[^<]+<\/caption>/g)).toBe(count(/<table>/g));
  expect(count(/<th(?! scope="col")/g)).toBe(count(/<thead/g));
  expect(count(/role="img" aria-label="[^"]+"/g)).toBe(count(/<figure>/g));
  expect(count(/<section /g)).toBe(count(/<section [^>]*aria-label/g));
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, id] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(id);
});

test('a page has so many rows, and says how many entries are in those that it leaves out', async () => {
  const entries = new PlantedEntries();
  for (let at = 0; at < 700; at += 1) entries.add('witness.silent', { witness: `w${at}`, since: '' });
  const page = await pageOf(entries);
  expect(page).toContain('w199<');
  expect(page).not.toContain('w200<');
  expect(page).toContain('500 more entries are in rows that are left out.');
});

test('markup is made of escaped text, numbers and markup', () => {
  const inner = html`<b>${'<&>"\''}</b>`;
  expect(html`<p title="${'"'}">${inner}${1}${[inner]}</p>`.text).toBe(
    '<p title="&quot;"><b>&lt;&amp;&gt;&quot;&#39;</b>1<b>&lt;&amp;&gt;&quot;&#39;</b></p>',
  );
  // Nothing turns text round or moves a cursor.
  expect(html`${'a\u202eb\u0007c'}`.text).toBe('a\ufffdb\ufffdc');
});

test('pictures are drawn where there is something, and name the largest first', () => {
  const plot = { title: 'T', format: String };
  const none = { spans: [], isByMonth: false, kinds: [], leftOut: 0 };
  const one = { spans: ['d1', 'd2'], isByMonth: false, kinds: [{ name: 'k', amounts: [1, 3] }], leftOut: 0 };
  expect([stackedBars(none, plot), cumulativeLines(none, plot), namedBars([], plot)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(stackedBars(one, plot)?.text).toContain('aria-label="T by day: 4 in all, 3 at most"');
  expect(stackedBars(one, plot)?.text.match(/<rect class="k0" x/g)).toHaveLength(2);
  expect(cumulativeLines(one, plot)?.text).toContain('aria-label="T, added up by day: k 4"');
  const bars = namedBars(
    [
      { name: 'few', value: 1 },
      { name: 'many', value: 9 },
    ],
    plot,
  );
  expect(bars?.text).toContain('aria-label="T: many 9, few 1"');
});
