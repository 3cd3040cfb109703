/** The properties of what a call throws, as plain data; undefined where it does not throw. */
export function errorOf(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    const { name, message, code, errno, syscall } = error as NodeJS.ErrnoException;
    return {
      ...(name === 'Error' ? {} : { name }),
      message,
      code,
      ...(errno === undefined ? {} : { errno }),
      ...(syscall === undefined ? {} : { syscall }),
    };
  }
}
