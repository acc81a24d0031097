/**
 * Questions to an audit log that somebody has given names, in a file of JSON. SPEC.md 13.14. Node only.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { type Static, Type } from 'typebox';
import { parseJson } from '../../protocol/parse.ts';
import { HanseError } from '../../protocol/problem.ts';
import { AuditConditions } from '../../schemas/audit-query.ts';
import { fileProblem } from '../file-problem.ts';

export const QueryName = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,39}$' });

const SavedQueries = Type.Object(
  {
    version: Type.Literal(1),
    queries: Type.Record(QueryName, AuditConditions, { additionalProperties: false, maxProperties: 1000 }),
  },
  { additionalProperties: false },
);
type SavedQueries = Static<typeof SavedQueries>;

const BYTES_MAX = 1 << 20;

/** @throws invalidFormat for a file of another form, or a name that it does not have; dataFileMissing, storageFailed */
export async function savedQuery(file: string, name: string): Promise<AuditConditions> {
  const saved = await read(file);
  if (!saved) throw new HanseError('dataFileMissing', { file });
  const query = Object.hasOwn(saved.queries, name) ? saved.queries[name] : undefined;
  if (!query) {
    const names = Object.keys(saved.queries).slice(0, 20).join(', ');
    throw new HanseError('invalidFormat', { where: '--saved', expected: `one of ${names || 'none'}` });
  }
  return query;
}

/** In the place of another one of this name. @throws as `savedQuery`; storageFull */
export async function saveQuery(file: string, name: string, query: AuditConditions): Promise<void> {
  const { queries } = (await read(file)) ?? { queries: {} };
  const saved: SavedQueries = { version: 1, queries: { ...queries, [name]: query } };
  try {
    // Whoever is interrupted has the old file or the new one.
    await writeFile(`${file}.new`, `${JSON.stringify(saved, null, 2)}\n`, { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (error) {
    throw fileProblem(file, error);
  }
}

async function read(file: string): Promise<SavedQueries | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileProblem(file, error);
  }
  if (text.length > BYTES_MAX)
    throw new HanseError('invalidFormat', { where: file, expected: 'at most a mebibyte' });
  return parseJson(SavedQueries, text, file);
}
