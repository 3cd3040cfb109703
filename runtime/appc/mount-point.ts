import { absolutePath, type Field, requireUnique } from './field.ts';
import { type ACName, checkACName } from './identifiers.ts';

/** A place where an app expects a volume (aci.md, mountPoints). */
export interface MountPoint {
  name: ACName;
  path: string;
  readOnly?: boolean;
}

export function readMountPoints(field: Field): MountPoint[] {
  const fields = field.list();
  const points = fields.map((item) => {
    const point: MountPoint = {
      name: item.member('name').required().text(checkACName),
      path: item.member('path').required().text(absolutePath),
    };
    const readOnly = item.member('readOnly').optional((value) => value.boolean());
    if (readOnly !== undefined) point.readOnly = readOnly;
    return point;
  });
  requireUnique(fields, points, (point) => point.name);
  return points;
}
