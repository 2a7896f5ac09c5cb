import type { Ctx } from "@tfs/std";

/** Unary sends one message to a method of the fleet and gives the answer's bytes. Throws what the fleet answers. */
export type Unary = (ctx: Ctx, path: string, message: Uint8Array) => Promise<Uint8Array>;

const prediction = "/tensorflow.serving.PredictionService";
export const predictPath: string = `${prediction}/Predict`;
export const classifyPath: string = `${prediction}/Classify`;
export const regressPath: string = `${prediction}/Regress`;
export const metadataPath: string = `${prediction}/GetModelMetadata`;
export const statusPath = "/tensorflow.serving.ModelService/GetModelStatus";

/** authority is what backends are told that they are called. */
export const authority = "localhost";

/** A model server's answer to a REST call may be as large as this; forwarded calls pass in pieces and have no bound. */
export const maxAnswerBytes: number = 256 << 20;
