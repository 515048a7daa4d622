"""Models of Hugging Face."""

import pytest
import torch

from .seeing import see

transformers = pytest.importorskip("transformers")
TOKENS = torch.arange(20).reshape(2, 10) % 11
SMALL = {"vocab_size": 11, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_gpt2_has_its_convolutions_as_layers_and_heads(attention):
    config = transformers.GPT2Config(n_embd=8, n_head=2, n_layer=1, n_positions=16, **SMALL)
    config._attn_implementation = attention
    model, entering = transformers.GPT2LMHeadModel(config).eval(), []
    model.transformer.h[0].attn.c_proj.register_forward_hook(lambda module, args, output: entering.append(args[0]))
    seen = see(model, input_ids=TOKENS, labels=TOKENS)
    expected = entering[-1].unflatten(-1, (2, 4)).abs().mean(-1).detach()
    torch.testing.assert_close(seen["transformer.h.0.attn"], expected)
    assert seen.found.points["transformer.h.0.mlp.c_fc"].words == ("NewGELUActivation",)
    assert seen["transformer.h.0.mlp.c_fc"].shape == (2, 10, 32)
    assert not seen.found.notice


def test_llama_has_its_gated_products_as_units():
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 12}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(num_hidden_layers=1, **sizes, **SMALL)).eval()
    entering = []
    model.model.layers[0].mlp.down_proj.register_forward_hook(lambda module, args, output: entering.append(args[0]))
    seen = see(model, input_ids=TOKENS)
    torch.testing.assert_close(seen["model.layers.0.mlp.gate_proj"], entering[-1].abs().detach())
    assert seen.layer("model.layers.0.self_attn").unit == "heads"
