"""The Hugging Face Hub, or any server that speaks its protocol, behind our verbs."""

from modelry.remotes.huggingface.opening import open_hub

__all__ = ["open_hub"]
