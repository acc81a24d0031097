/** The fields of the form of data as a selection. Fields left empty are guessed by the worker. */
import type { DataSelection } from '../data-selection.ts';

const SAMPLE_ROWS = 1000;

export function selectionOf(kind: DataSelection['type'], fields: FormData): DataSelection {
  const text = (name: string) => String(fields.get(name) ?? '');
  const file = (name: string) => fields.get(name) as File;
  switch (kind) {
    case 'mnistSample':
      return { type: kind, rows: SAMPLE_ROWS };
    case 'csv': {
      const given = ['label', 'delimiter', 'encoding'].filter((name) => text(name) !== '');
      return {
        type: kind,
        file: file('file'),
        ...Object.fromEntries(given.map((name) => [name, text(name)])),
      };
    }
    case 'idx':
      return { type: kind, images: file('images'), labels: file('labels') };
    case 'images': {
      const files = fields.getAll('files') as File[];
      const channels = text('channels') === '3' ? 3 : 1;
      return { type: kind, files, size: [Number(text('height')), Number(text('width'))], channels };
    }
    default:
      kind satisfies never;
      throw new Error('unreachable');
  }
}
