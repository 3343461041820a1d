// Why a part is not known, in the server's words.

/** @param {import("../../types.d.ts").Sample} sample @param {string} field */
export function lacks(sample, field) {
  const missing = sample.probe.missing.find((one) => one.field === field);
  if (!missing) return "not read yet";
  return missing.fix ? `${missing.cause}: ${missing.fix}` : missing.cause;
}
