// A device for torch that computes on the host, in memory that it calls its own. Tensors of the host do not mix with its
// tensors, and every value that is read back is counted: see on_accelerator.py.
// What it does not compute itself, every operator but a few, it hands to the CPU with the same memory.

#include <torch/extension.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/Resize.h>
#include <ATen/native/TensorFactories.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/view_native.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/_local_scalar_dense.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <c10/core/impl/alloc_cpu.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GeneratorImpl.h>
#include <unordered_map>
#include <atomic>

namespace {
constexpr auto KIND = c10::DeviceType::PrivateUse1;
std::atomic<int64_t> reads{0};

struct Guard final : c10::impl::DeviceGuardImplInterface {
  static constexpr c10::DeviceType static_type = KIND;
  c10::DeviceType type() const override { return KIND; }
  c10::Device exchangeDevice(c10::Device) const override { return {KIND, 0}; }
  c10::Device getDevice() const override { return {KIND, 0}; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device d) const override { return c10::Stream(c10::Stream::DEFAULT, d); }
  c10::Stream getNewStream(c10::Device d, int) const override { return c10::Stream(c10::Stream::DEFAULT, d); }
  c10::Stream getDefaultStream(c10::Device d) const override { return c10::Stream(c10::Stream::DEFAULT, d); }
  c10::Stream exchangeStream(c10::Stream s) const override { return s; }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

struct Memory final : c10::Allocator {
  static void drop(void* p) { c10::free_cpu(p); }
  c10::DataPtr allocate(size_t n) override {
    void* p = n ? c10::alloc_cpu(n) : nullptr;
    return {p, p, &drop, c10::Device(KIND, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &drop; }
  void copy_data(void* to, const void* from, std::size_t n) const override { default_copy_data(to, from, n); }
};
Memory memory;
REGISTER_ALLOCATOR(KIND, &memory);

at::Tensor host(const at::Tensor& t) {  // the same memory, seen from the host
  if (!t.defined() || t.device().type() != KIND) return t;
  return at::from_blob(t.data_ptr(), t.sizes(), t.strides(), at::TensorOptions().dtype(t.dtype()).device(at::kCPU));
}

at::Tensor device(const at::Tensor& t) {  // what the host has computed, as the device's
  if (!t.defined()) return t;
  auto* kept = new at::Tensor(t);
  c10::DataPtr data(t.storage().mutable_data(), kept, [](void* p) { delete static_cast<at::Tensor*>(p); }, c10::Device(KIND, 0));
  c10::Storage storage(c10::Storage::use_byte_size_t(), t.storage().nbytes(), std::move(data), &memory, false);
  auto out = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), t.dtype());
  out.unsafeGetTensorImpl()->set_sizes_and_strides(t.sizes(), t.strides(), t.storage_offset());
  return out;
}

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), c10::dtype_or_default(dtype), format);
}
at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype, std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &memory, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), c10::dtype_or_default(dtype));
}
at::Tensor as_strided(const at::Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<c10::SymInt> offset) {
  return at::native::as_strided_tensorimpl(self, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), offset ? std::optional<int64_t>(offset->guard_int(__FILE__, __LINE__)) : std::nullopt);
}
at::Tensor view(const at::Tensor& self, c10::SymIntArrayRef size) { return at::native::view(self, C10_AS_INTARRAYREF_SLOW(size)); }
at::Tensor reshape_alias(const at::Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride) {
  return at::native::_reshape_alias(self, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride));
}
at::Tensor unfold(const at::Tensor& self, int64_t d, int64_t size, int64_t step) { return at::native::unfold(self, d, size, step); }
const at::Tensor& resize(const at::Tensor& self, c10::SymIntArrayRef size, std::optional<at::MemoryFormat>) {
  auto want = C10_AS_INTARRAYREF_SLOW(size);
  size_t bytes = at::detail::computeStorageNbytesContiguous(want, self.dtype().itemsize(), self.storage_offset());
  if (self.storage().nbytes() < bytes) {
    auto fresh = memory.allocate(bytes);
    if (self.storage().nbytes()) std::memcpy(fresh.get(), self.storage().data(), self.storage().nbytes());
    self.storage().unsafeGetStorageImpl()->set_data_ptr(std::move(fresh));
    self.storage().unsafeGetStorageImpl()->set_nbytes(bytes);
  }
  self.unsafeGetTensorImpl()->set_sizes_contiguous(want);
  return self;
}
at::Tensor copy_from(const at::Tensor& self, const at::Tensor& to, bool) {
  if (to.device().type() == at::kCPU) reads++;
  auto target = host(to);
  target.copy_(host(self));
  return to;
}
at::Scalar local_scalar(const at::Tensor& self) { reads++; return at::_local_scalar_dense(host(self)); }

std::optional<at::Generator> inside(const at::Generator& g);

void fallback(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  const size_t count = schema.arguments().size(), begin = stack->size() - count;
  std::unordered_map<c10::TensorImpl*, at::Tensor> back;
  bool there = false, here = false;
  auto down = [&](const at::Tensor& t) -> at::Tensor {
    if (!t.defined()) return t;
    if (t.device().type() != KIND) { here = here || t.dim() > 0; return t; }
    there = true;
    const bool grows = t.numel() == 0;  // an out= that the operator makes as large as it needs
    auto alias = grows ? at::empty(t.sizes(), at::TensorOptions().dtype(t.dtype()).device(at::kCPU)) : host(t);
    back.emplace(alias.unsafeGetTensorImpl(), t);
    return alias;
  };
  std::vector<at::Tensor> keep;
  for (size_t i = begin; i < stack->size(); ++i) {
    c10::IValue& v = (*stack)[i];
    if (v.isTensor()) { auto t = down(v.toTensor()); keep.push_back(t); v = t; }
    else if (v.isTensorList()) {
      c10::List<at::Tensor> made;
      for (const at::Tensor& t : v.toTensorList()) { auto a = down(t); keep.push_back(a); made.push_back(a); }
      v = made;
    } else if (v.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> made;
      for (const auto& o : v.toOptionalTensorList()) {
        std::optional<at::Tensor> t = o;
        if (t && t->defined()) { auto a = down(*t); keep.push_back(a); made.push_back(a); } else made.push_back(std::nullopt);
      }
      v = made;
    } else if (v.isGenerator() && v.toGenerator().defined() && v.toGenerator().device().type() == KIND) v = *inside(v.toGenerator());
    else if (v.isDevice()) v = c10::Device(at::kCPU);
  }
  const std::string name = schema.operator_name().name;
  const bool indexes = name.rfind("aten::index", 0) == 0 || name == "aten::_index_put_impl_";
  TORCH_CHECK(!(there && here) || indexes, "Expected all tensors to be on the same device (", name, ")");
  { at::AutoDispatchBelowADInplaceOrView below; op.callBoxed(stack); }
  for (auto& [impl, original] : back)
    if (original.numel() == 0 && impl->numel()) {
      std::vector<c10::SymInt> want;
      for (auto n : impl->sizes()) want.emplace_back(n);
      resize(original, want, std::nullopt);
      original.unsafeGetTensorImpl()->set_sizes_and_strides(impl->sizes(), impl->strides());
      std::memcpy(original.data_ptr(), impl->data(), impl->numel() * impl->itemsize());
    }
  auto up = [&](const at::Tensor& t) -> at::Tensor {
    if (!t.defined()) return t;
    auto found = back.find(t.unsafeGetTensorImpl());
    return found != back.end() ? found->second : device(t);
  };
  const size_t results = schema.returns().size();
  for (size_t i = stack->size() - results; i < stack->size(); ++i) {
    c10::IValue& v = (*stack)[i];
    if (v.isTensor()) v = up(v.toTensor());
    else if (v.isTensorList()) {
      c10::List<at::Tensor> made;
      for (const at::Tensor& t : v.toTensorList()) made.push_back(up(t));
      v = made;
    }
  }
}

struct Chance final : c10::GeneratorImpl {  // a generator of the host behind a name of the device
  at::Generator inner = at::detail::createCPUGenerator();
  Chance() : c10::GeneratorImpl(c10::Device(KIND, 0), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1)) {}
  void set_current_seed(uint64_t s) override { inner.set_current_seed(s); }
  void set_offset(uint64_t) override {}
  uint64_t get_offset() const override { return 0; }
  uint64_t current_seed() const override { return inner.current_seed(); }
  uint64_t seed() override { return inner.seed(); }
  void set_state(const c10::TensorImpl& s) override { inner.unsafeGetGeneratorImpl()->set_state(s); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override { return inner.unsafeGetGeneratorImpl()->get_state(); }
  GeneratorImpl* clone_impl() const override { auto* other = new Chance(); other->inner = inner.clone(); return other; }
};
std::optional<at::Generator> inside(const at::Generator& g) { return static_cast<Chance*>(g.unsafeGetGeneratorImpl())->inner; }
at::Generator chance() { return at::Generator(c10::make_intrusive<Chance>()); }
const at::Generator& default_chance() { static at::Generator one = chance(); return one; }

struct Hooks final : at::PrivateUse1HooksInterface {
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  bool isAvailable() const override { return true; }
  bool isBuilt() const override { return true; }
  at::Generator getNewGenerator(c10::DeviceIndex) const override { return chance(); }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override { return default_chance(); }
};
struct Register { Register() { at::RegisterPrivateUse1HooksInterface(new Hooks()); } } registered;
}  // namespace

namespace {
at::Tensor conv(const at::Tensor& x, const at::Tensor& w, const std::optional<at::Tensor>& b, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, at::IntArrayRef out, int64_t groups) {
  std::optional<at::Tensor> bias;
  if (b && b->defined()) bias = host(*b);
  return device(at::convolution(host(x), host(w), bias, stride, padding, dilation, transposed, out, groups));
}
std::tuple<at::Tensor, at::Tensor, at::Tensor> conv_back(const at::Tensor& g, const at::Tensor& x, const at::Tensor& w, at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed, at::IntArrayRef out, int64_t groups, std::array<bool, 3> mask) {
  auto [a, b, c] = at::convolution_backward(host(g), host(x), host(w), at::IntArrayRef({w.size(0)}), stride, padding, dilation, transposed, out, groups, mask);
  return {device(a), device(b), device(c)};
}
}  // namespace

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("convolution_overrideable", conv);
  m.impl("convolution_backward_overrideable", conv_back);
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("as_strided", as_strided);
  m.impl("view", view);
  m.impl("_reshape_alias", reshape_alias);
  m.impl("unfold", unfold);
  m.impl("resize_", resize);
  m.impl("_copy_from", copy_from);
  m.impl("_local_scalar_dense", local_scalar);
}
TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("reads", [] { return reads.load(); });
}
