"""Images, from data sets to patches, and how alike two images are.

An image goes one way: ``source_images`` checks what a data set yields, ``pairs`` adds the LR image, ``cache`` keeps
both in a pack, ``loading`` returns pairs whose pixels stay in that pack, ``crops`` cuts them, and ``patches`` draws
batches from them.
"""
