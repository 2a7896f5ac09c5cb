import { fileURLToPath } from "node:url";

/** models are the test models with TensorFlow's answers. */
export const models: string = fileURLToPath(new URL("../../../../testdata/models/", import.meta.url));
