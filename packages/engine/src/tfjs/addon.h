// Compiled in front of tfjs-node's own sources, which stay as they are (g++ -include). Some functions of TensorFlow's that they call get another body here:
//
// TF_NewTensor. The sources lend JavaScript's memory to TensorFlow, and whichever thread lets go of a tensor last calls Node-API, which may be called on its
//   own thread only. A variable that was assigned its value from an input is let go of by a thread of TensorFlow's. Here a tensor has a copy of its own.
// TF_AllocateTensor, TF_TString_Dealloc. deleteTensor empties the strings of any tensor, those of a model's constants and variables too, where an output is
//   one: from the second call on the model answers with empty strings. Here the strings of an input go with its last owner, and others are not ours.
// TF_SessionRun, TF_LoadSessionFromSavedModel. What a failed run was fed, and the graph of a failed load, are never let go; and no code leaves the addon. Here
//   they are deleted, and the text begins with the code.
// TF_Version. Says that an addon was made with this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tensorflow/c/c_api.h"
#include "tensorflow/core/platform/ctstring_internal.h"

namespace tfs {

inline TF_Tensor* NewTensor(TF_DataType dtype, const int64_t* dims, int rank, void* data, size_t bytes, void (*letGo)(void*, size_t, void*), void* arg) {
  TF_Tensor* tensor = TF_AllocateTensor(dtype, dims, rank, bytes);
  if (tensor != nullptr && bytes > 0) std::memcpy(TF_TensorData(tensor), data, bytes);
  letGo(data, bytes, arg);
  return tensor;
}

inline void FreeStrings(void* data, size_t bytes, void*) {
  TF_TString* strings = static_cast<TF_TString*>(data);
  for (size_t i = 0; i < bytes / sizeof(TF_TString); i++) TF_TString_Dealloc(strings + i);
  std::free(data);
}

inline TF_Tensor* AllocateTensor(TF_DataType dtype, const int64_t* dims, int rank, size_t bytes) {
  if (dtype != TF_STRING) return TF_AllocateTensor(dtype, dims, rank, bytes);
  void* data = std::calloc(1, bytes + 1); // zeros are empty strings
  return data == nullptr ? nullptr : TF_NewTensor(dtype, dims, rank, data, bytes, FreeStrings, nullptr);
}

/** Coded puts the code in front of the text. */
inline void Coded(TF_Status* status) {
  std::string text = "[" + std::to_string(TF_GetCode(status)) + "] " + TF_Message(status);
  TF_SetStatus(status, TF_GetCode(status), text.c_str());
}

inline void SessionRun(TF_Session* session, const TF_Buffer* options, const TF_Output* inputs, TF_Tensor* const* values, int count, const TF_Output* outputs,
                       TF_Tensor** results, int wanted, const TF_Operation* const* targets, int targetCount, TF_Buffer* metadata, TF_Status* status) {
  TF_SessionRun(session, options, inputs, values, count, outputs, results, wanted, targets, targetCount, metadata, status);
  if (TF_GetCode(status) == TF_OK) return;
  Coded(status);
  for (int i = 0; i < count; i++) TF_DeleteTensor(values[i]);
}

inline TF_Session* Load(const TF_SessionOptions* options, const TF_Buffer* runOptions, const char* dir, const char* const* tags, int tagCount, TF_Graph* graph,
                        TF_Buffer* metaGraph, TF_Status* status) {
  TF_Session* session = TF_LoadSessionFromSavedModel(options, runOptions, dir, tags, tagCount, graph, metaGraph, status);
  if (TF_GetCode(status) == TF_OK) return session;
  Coded(status);
  TF_DeleteGraph(graph);
  return session;
}

inline const char* Version() {
  static const std::string version = std::string(TF_Version()) + " tfs";
  return version.c_str();
}

}  // namespace tfs

#define TF_NewTensor tfs::NewTensor
#define TF_AllocateTensor tfs::AllocateTensor
#define TF_TString_Dealloc(string) ((void)(string))
#define TF_SessionRun tfs::SessionRun
#define TF_LoadSessionFromSavedModel tfs::Load
#define TF_Version tfs::Version
