"""What every route has in common: who may call, one error shape, pages, exports, entity tags."""
