import { type Field, present } from './field.ts';
import { type ACIdentifier, checkACIdentifier } from './identifiers.ts';
import { checkImageId, type ImageId } from './image-id.ts';
import { type Label, readLabels } from './labels.ts';

/** An image whose files lie below this image's (aci.md, dependencies). */
export interface Dependency {
  imageName: ACIdentifier;
  imageID?: ImageId;
  labels: Label[];
  /** Bytes of the dependency's image. */
  size?: number;
}

export function readDependencies(field: Field): Dependency[] {
  return field.list().map((item) =>
    present<Dependency>({
      imageName: item.member('imageName').required().text(checkACIdentifier),
      imageID: item.member('imageID').optional((value) => value.text(checkImageId)),
      labels: readLabels(item.member('labels')),
      size: item.member('size').optional((value) => value.integer(0, Number.MAX_SAFE_INTEGER)),
    }),
  );
}
