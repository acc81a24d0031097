import { expect, test } from 'vitest';
import { changeVersion } from '../../../client/config/change-version.ts';

const BLOCK = `# mine
data:
  - name: first
    version: "1"
  - name: second   # of all
    version: "1"              # changes
    source: csv:a.csv
    #rows: rows.json
policy: {}
`;
const of = (text: string, index: number, rows?: string) =>
  changeVersion(text, { index, version: '2', ...(rows !== undefined && { rows }) }, 'node.yaml');

test('version and rows of one data set change, and not a letter of the rest', () => {
  expect(of(BLOCK, 1)).toBe(BLOCK.replace('version: "1"   ', 'version: "2"   '));
  expect(of(BLOCK, 1, 'left.json')).toBe(
    BLOCK.replace('version: "1"   ', 'rows: "left.json"\n    version: "2"   '),
  );
  const listed = BLOCK.replace('#rows: rows.json', "rows: 'rows.json' # these");
  expect(of(listed, 1, 'left.json')).toBe(
    listed.replace('version: "1"   ', 'version: "2"   ').replace("'rows.json'", '"left.json"'),
  );
});

test('so it does in flow style, in JSON, and where the version comes first', () => {
  expect(of('data: [{ version: a, name: x }, { name: y, version: b }]', 1, 'r.json')).toBe(
    'data: [{ version: a, name: x }, { name: y, rows: "r.json", version: "2" }]',
  );
  expect(of('{"data":[{"name":"x","version":"1"}]}', 0, 'r.json')).toBe(
    '{"data":[{"name":"x",rows: "r.json", "version":"2"}]}',
  );
  expect(of('data:\n- version: "1"\n  name: x\n', 0, 'r.json')).toBe(
    'data:\n- rows: "r.json"\n  version: "2"\n  name: x\n',
  );
});

test('what cannot be changed so is said, with what to write', () => {
  const shared = 'data:\n  - name: x\n    ? version\n    : "1"\n';
  expect(() => of(shared, 0, 'r.json')).toThrow(expect.objectContaining({ code: 'configInvalid' }));
  expect(() => of(BLOCK, 7)).toThrow(expect.objectContaining({ code: 'configInvalid' }));
});
