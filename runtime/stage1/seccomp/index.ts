export { defaultFilter, type SeccompRequest, seccompFilter } from './filter.ts';
