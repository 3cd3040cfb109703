import { imageIdPrefix } from '../../../runtime/appc/image-id.ts';
import { labelValue } from '../../../runtime/appc/labels.ts';
import type { ImageInfo } from '../../../runtime/image/image-info.ts';
import type { ImageStore } from '../../../runtime/image/store.ts';
import type { Command } from '../../command.ts';
import { getSwitch, getValue, type OptionValues, usageError } from '../../options.ts';
import { formatOption, jsonText, outputFormat } from '../../output-format.ts';
import { table } from '../../table.ts';
import { ago, timestamp } from '../../time.ts';
import { openStore, wordsOf } from './stored.ts';

/** What the list says of one image. Times are milliseconds since the epoch. */
interface Row {
  readonly id: string;
  /** With the version after a colon. */
  readonly name: string;
  readonly importtime: number;
  readonly lastused: number;
  /** Bytes of the uncompressed image. */
  readonly size: number;
  /** Whether the bare name means this image. */
  readonly latest: boolean;
  readonly info: ImageInfo;
}

const fields = ['id', 'name', 'importtime', 'lastused', 'size', 'latest'] as const;
type Field = (typeof fields)[number];

const titles: Readonly<Record<Field, string>> = {
  id: 'ID',
  name: 'NAME',
  importtime: 'IMPORT TIME',
  lastused: 'LAST USED',
  size: 'SIZE',
  latest: 'LATEST',
};

/** Hex digits of an id in the short form. */
const shortDigits = 12;

export const command: Command = {
  name: 'image list',
  summary: 'list the images of the store',
  usage: '[--fields=FIELDS] [--sort=FIELDS] [--order=asc|desc] [--full] [--no-legend] [--format=json|json-pretty]',
  description:
    'Lists the images of the store. LATEST says whether the name without a version means this image: of several with a name ' +
    'that is the one imported last. SIZE is that of the image without compression.',
  options: [
    {
      name: 'fields',
      type: 'value',
      placeholder: 'FIELDS',
      default: fields.join(','),
      description: 'what to show, separated by commas',
    },
    {
      name: 'sort',
      type: 'value',
      placeholder: 'FIELDS',
      default: 'importtime',
      description: 'what to sort by, separated by commas',
    },
    { name: 'order', type: 'value', placeholder: 'ORDER', default: 'asc', description: 'asc or desc' },
    { name: 'full', type: 'switch', description: 'whole ids, times and sizes' },
    { name: 'no-legend', type: 'switch', description: 'leave out the line of column names' },
    formatOption,
  ],
  run(context, { values }) {
    const shown = fieldsOf(values, 'fields');
    const rows = sorted(rowsOf(openStore(context)), values);
    const format = outputFormat(values);
    context.out(format === undefined ? asTable(rows, shown, values) : jsonText(rows.map(asJson), format));
    return 0;
  },
};

function fieldsOf(values: OptionValues, option: string): Field[] {
  return wordsOf(values, option).map((word) => {
    const field = fields.find((known) => known === word);
    if (field === undefined) {
      throw usageError(`invalid value "${word}" for --${option}`, `it takes ${fields.join(', ')}`);
    }
    return field;
  });
}

function choice<T extends string>(values: OptionValues, option: string, known: readonly T[]): T {
  const text = getValue(values, option);
  const found = known.find((value) => value === text);
  if (found === undefined) throw usageError(`invalid value "${text}" for --${option}: must be ${known.join(' or ')}`);
  return found;
}

function rowsOf(store: ImageStore): Row[] {
  // The newest import comes first, so the first of a name is what the name means.
  const seen = new Set<string>();
  return store.list().map((info) => {
    const version = labelValue(info.labels, 'version');
    const latest = !seen.has(info.name);
    seen.add(info.name);
    const importtime = Date.parse(info.importTime);
    return {
      id: info.id,
      name: version === undefined ? info.name : `${info.name}:${version}`,
      importtime,
      lastused: store.lastUsed(info)?.getTime() ?? importtime,
      size: info.size,
      latest,
      info,
    };
  });
}

function compare(a: Row[Field], b: Row[Field]): number {
  if (typeof a === 'string') return a < String(b) ? -1 : a > String(b) ? 1 : 0;
  return Number(a) - Number(b);
}

function sorted(rows: readonly Row[], values: OptionValues): Row[] {
  const keys = fieldsOf(values, 'sort');
  const sign = choice(values, 'order', ['asc', 'desc']) === 'asc' ? 1 : -1;
  return rows.toSorted((a, b) => {
    for (const key of keys) {
      const order = compare(a[key], b[key]);
      if (order !== 0) return order * sign;
    }
    return compare(a.id, b.id);
  });
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `3.2MiB`; rounded, for people. */
function shownSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)}${units[unit]}`;
}

function cell(row: Row, field: Field, full: boolean, now: number): string {
  switch (field) {
    case 'id':
      return full ? row.id : row.id.slice(0, imageIdPrefix.length + shortDigits);
    case 'importtime':
    case 'lastused':
      return full ? timestamp(row[field]) : ago(row[field], now);
    case 'size':
      return full ? String(row.size) : shownSize(row.size);
    default:
      return String(row[field]);
  }
}

function asTable(rows: readonly Row[], shown: readonly Field[], values: OptionValues): string {
  const full = getSwitch(values, 'full');
  const now = Date.now();
  const legend = getSwitch(values, 'no-legend') ? [] : [shown.map((field) => titles[field])];
  return table([...legend, ...rows.map((row) => shown.map((field) => cell(row, field, full, now)))]);
}

/** For programs: everything that is known, with names as they are in rkt's manifests where there are such. */
const asJson = ({ info, importtime, lastused, size, latest }: Row): object => ({
  id: info.id,
  name: info.name,
  labels: info.labels,
  importTime: new Date(importtime).toISOString(),
  lastUsed: new Date(lastused).toISOString(),
  size,
  latest,
  verification: info.verification,
});
